"""A root shell inside the guest, for looking at what no house shows: memory, units, processes, files.

Owns: handing the guest a unit of the test's own, and running commands through the second serial port.
Does not know: what is run.

The image has no such shell. systemd takes units from whoever provides the machine, by credentials in its SMBIOS table; QEMU provides
this one, so nothing in the product is switched for tests.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import time
from dataclasses import dataclass
from pathlib import Path

UNIT = "nisse-test-shell.service"
_READY, _MARK, _END = b"@@ready", "@@status", "@@end"
_WANTED_BY = "sysinit.target"
_COMMAND_S = 240.0  # an emulated box that has just been started


def options(tty: str) -> tuple[str, ...]:
    """QEMU's options that bring the shell into the guest.

    Args:
        tty: The guest's name of the serial port, such as ttyS1.
    """
    unit = f"""[Unit]
Description=Shell of the test
DefaultDependencies=no
[Service]
ExecStart=/bin/sh -c 'stty raw -echo; echo @@ready; exec /bin/sh'
StandardInput=tty-force
StandardOutput=tty
StandardError=null
TTYPath=/dev/{tty}
Restart=always
OOMScoreAdjust=-1000
"""
    wish = f"[Unit]\nWants={UNIT}\n"
    given = {f"systemd.extra-unit.{UNIT}": unit, f"systemd.unit-dropin.{_WANTED_BY}": wish}
    words: list[str] = []
    for name, text in given.items():
        coded = base64.b64encode(text.encode()).decode()
        words += ["-smbios", f"type=11,value=io.systemd.credential.binary:{name}={coded}"]
    return tuple(words)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command said, on both outputs, and its exit status."""

    text: str
    status: int


class Shell:
    """Runs one command after the other as root in the guest."""

    def __init__(self, port: Path) -> None:
        """Connects to the serial port that QEMU offers.

        Args:
            port: The Unix socket of the port.
        """
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(port))
        self._heard = b""
        self._is_ready = False

    def wait(self, seconds: float) -> None:
        """Waits until the shell is there.

        Raises:
            TimeoutError: It did not come.
        """
        if not self._is_ready:
            self._until(_READY, seconds)
            self._is_ready = True

    def run(self, command: str, *, seconds: float = _COMMAND_S) -> Said:
        """Runs a script of /bin/sh.

        Raises:
            TimeoutError: It did not end in time.
        """
        self.wait(seconds)
        coded = base64.b64encode(command.encode()).decode()
        self._heard = b""
        lines = [
            f"echo {coded} | base64 -d > /run/test-command",
            "sh /run/test-command > /run/test-output 2>&1 < /dev/null",
            f"echo {_MARK} $?; base64 /run/test-output; echo {_END}",
        ]
        self._socket.sendall(("; ".join(lines) + "\n").encode())
        heard = self._until(_END.encode(), seconds).decode("ascii", "replace")
        status, _, output = heard.partition(_MARK)[2].partition("\n")
        text = base64.b64decode("".join(output.partition(_END)[0].split())).decode("utf-8", "replace")
        return Said(text=text, status=int(status))

    def ask(self, command: str, *, seconds: float = _COMMAND_S) -> str:
        """What a command says.

        Raises:
            AssertionError: It failed.
        """
        said = self.run(command, seconds=seconds)
        assert said.status == 0, f"{command!r} ended with {said.status}: {said.text[-500:]}"
        return said.text.strip()

    def close(self) -> None:
        """Hangs up."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def _until(self, mark: bytes, seconds: float) -> bytes:
        end = time.monotonic() + seconds
        while mark not in self._heard:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"the guest's shell did not say {mark!r}; it said {self._heard[-300:]!r}")
            self._socket.settimeout(left)
            try:
                piece = self._socket.recv(65_536)
            except TimeoutError:
                continue
            if not piece:
                raise TimeoutError("the machine has gone")
            self._heard += piece
        return self._heard
