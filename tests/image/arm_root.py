"""A root of Debian for 64-bit Arm on which programs run by emulation, without a kernel of its own.

Owns: making it (kept in build/), and running programs in it, with a network that ends at its own loopback.
Does not know: what is installed there.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_SUITE = "bookworm"  # Python 3.11 and a C library of 2022: as close as Debian comes to Ubuntu 22.04
_PACKAGES = "python3-venv,systemd,hostname,procps,libgomp1"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Shared by everything that runs there: devices, processes, loopback alone.
_INSIDE = (
    'mount --make-rprivate / && mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && ip link set lo up && '
    'root=$1 && shift && exec chroot "$root" /usr/bin/env -i "$@"'
)


def make(kept: Path, folder: Path) -> ArmRoot:
    """A fresh root.

    Args:
        kept: The archive it is unpacked from; made if it is not there (ten minutes).
        folder: Where it goes.
    """
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_name(f"new-{kept.name}")
        command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--architectures=arm64", f"--include={_PACKAGES}", _SUITE, str(fresh)]  # fmt: skip
        subprocess.run(command, check=True)
        fresh.rename(kept)
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-x", "--numeric-owner", "-f", str(kept), "-C", str(folder)], check=True)
    return ArmRoot(folder)


class ArmRoot:
    """One root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, seconds: float = 1800.0) -> tuple[int, str]:
        """Runs a program there to its end: its status, and all that it said."""
        done = subprocess.run(
            self._command({}, words),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
        )
        return done.returncode, done.stdout + done.stderr

    @contextmanager
    def running(self, log: Path, variables: dict[str, str], *words: str) -> Iterator[ArmProcess]:
        """Runs a program there until the block ends; whatever it started ends with it."""
        with log.open("wb") as said:
            process = subprocess.Popen(self._command(variables, words), stdout=said, stderr=said)
        try:
            yield ArmProcess(process)
        finally:
            # `unshare` itself takes no such word; what it started is the first process of the root's own.
            for first in psutil.Process(process.pid).children() if process.poll() is None else ():
                first.terminate()
            try:
                process.wait(60)
            finally:
                process.kill()  # and with it all that is left there
                process.wait()

    def _command(self, variables: dict[str, str], words: tuple[str, ...]) -> list[str]:
        given = [f"{name}={value}" for name, value in {"PATH": _PATH, "HOME": "/root", **variables}.items()]
        return [
            "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", _INSIDE, "sh", str(self.folder), *given,
            *words,
        ]  # fmt: skip


class ArmProcess:
    """A program that runs in the root."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._process.poll() is not None

    def asked(self, url: str, *options: str, seconds: float) -> str:
        """What an address answers within the root's own network, as soon as it answers with success.

        Raises:
            TimeoutError: It never did.
        """
        until = time.monotonic() + seconds
        said = ""
        while time.monotonic() < until and not self.ended:
            children = psutil.Process(self._process.pid).children()
            if children:
                done = subprocess.run(
                    ["nsenter", "--target", str(children[0].pid), "--net", "curl", "--silent", "--show-error", "--fail", "--max-time",
                     str(int(seconds)), *options, url],
                    capture_output=True, text=True, check=False,
                )  # fmt: skip
                said = done.stderr
                if done.returncode == 0:
                    return done.stdout
            time.sleep(2)
        raise TimeoutError(f"{url} did not answer: {said}")
