"""A box in QEMU: it is plugged in, watched from outside, and its plug is pulled.

Owns: starting and ending one QEMU, its disk, its serial log, and the ports by which the house is reached.
Does not know: what the house does, nor any test.
"""

from __future__ import annotations

import contextlib
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx

from tests.image import acceleration, emulator, shell
from tests.image.boards import BOARDS, Board
from tests.image.qmp import Qmp
from tests.image.shell import Shell
from tests.image.volatile_disk import VolatileDisk
from tests.live.ports import free_port

GIGABYTE = 1_000_000_000
_MEDIUM = "medium"
_ANEW_S = 2.0
_PRESSED_AGAIN_S = 30.0
_PANIC = re.compile(rb"Kernel panic - not syncing[^\r\n]*")
STARTED = re.compile(rb"Nisse starts from slot ([AB]) \((normal|recovery)\)")


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What box it is."""

    board: str = "pc"
    memory_mb: int = 2048
    processors: int = 2
    clock: str = ""  # as 1970-01-01T00:00:30; empty: the right time
    has_internet: bool = False  # whatever is sent beyond the box goes nowhere
    portal_port: int = 0  # on this machine; 0: any that is free
    door_port: int = 0
    further_disk: Path | None = None  # a disk that nothing mounts by itself, read-only
    usb_stick: Path | None = None  # read-only
    forgets: bool = False  # its disk, slower, loses at a power cut what it was not told to keep
    extra: tuple[str, ...] = field(default=())


class Machine:
    """One box. It can be started again and again on the same disk."""

    def __init__(
        self, folder: Path, image: Path, *, disk_bytes: int = 12 * GIGABYTE, hardware: Hardware | None = None
    ) -> None:
        """Makes the disk, as a card writer would; nothing runs yet.

        Args:
            folder: Where disk, logs and sockets lie; its name must be short enough for Unix sockets.
            image: The image as built, not compressed.
            disk_bytes: How large the medium is.
            hardware: What box it is.
        """
        self.folder = folder
        self.hardware = hardware or Hardware()
        self.board: Board = BOARDS[self.hardware.board]
        self.disk_file = folder / "disk"
        folder.mkdir(parents=True, exist_ok=True)
        if not self.disk_file.exists():
            fresh = folder / "disk.new"
            subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(image), str(fresh)], check=True)
            with fresh.open("r+b") as file:
                file.truncate(max(disk_bytes, fresh.stat().st_size))
            fresh.rename(self.disk_file)
        self.portal_port = self.hardware.portal_port or free_port()
        self.door_port = self.hardware.door_port or free_port()
        self.began = 0.0
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._disk: VolatileDisk | None = None
        self._qmp: Qmp | None = None
        self._shell: Shell | None = None

    @property
    def url(self) -> str:
        """Where the portal is reached from this machine."""
        return f"http://127.0.0.1:{self.portal_port}"

    @property
    def serial(self) -> bytes:
        """What the box has said on its serial port since it was last plugged in."""
        log = self.serial_log
        return log.read_bytes() if log.exists() else b""

    @property
    def boots(self) -> list[tuple[str, str]]:
        """Each start since it was plugged in, as GRUB announced it: the slot, and normal or recovery."""
        return [(found[1].decode(), found[2].decode()) for found in STARTED.finditer(self.serial)]

    @property
    def written(self) -> int:
        """Bytes that the box has written to its disk since its last start."""
        assert self._qmp
        disks = {disk["node-name"]: disk["stats"] for disk in self._qmp.ask("query-blockstats")}
        return int(disks[_MEDIUM]["wr_bytes"])

    def keep_on(self) -> bool:
        """Switches it on again where it has just restarted itself. Returns whether it runs."""
        if self._process is None or self._process.poll() is None:
            return self._process is not None
        if not (self._qmp and self._qmp.has_restarted()):
            return False
        self._close_connections()
        self._start(self._command())
        return True

    def plug_in(self) -> Self:
        """Starts it. Returns at once; `until_up` waits for the house."""
        assert not self.keep_on(), "it is plugged in already"
        self.starts += 1
        if self.hardware.forgets:
            self._disk = VolatileDisk(self.disk_file, self.folder / "disk.sock").__enter__()
        command = self._command()  # it may look first what this machine can do
        self.began = time.monotonic()
        self._start(command)
        return self

    def _start(self, command: list[str]) -> None:
        """A restart is a QEMU of its own too: after a reset in the same one, the firmware of QEMU 7.2 sometimes goes on for ever."""
        with (self.folder / "qemu.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            self._qmp = Qmp(self.folder / "qmp")
            self._shell = Shell(self.folder / "shell")
        except (OSError, EOFError, TimeoutError) as failed:
            said = (self.folder / "qemu.log").read_text(errors="replace")[-500:]
            raise RuntimeError(f"QEMU did not start: {said}") from failed

    def until_up(
        self, seconds: float = 300.0, *, path: str = "/healthz", status: int = 200, may_panic: bool = False
    ) -> float:
        """Waits until the portal answers.

        Args:
            seconds: How long.
            path: The page.
            status: The status that it must have.
            may_panic: A panic of an earlier start, which the serial log still has, is no reason to give up.

        Returns:
            The seconds since it was plugged in.

        Raises:
            AssertionError: It does not come up in time, or the kernel says why it does not.
        """

        # QEMU takes the connection itself, and knocks at a box without a network less and less often: better to ask anew.
        with httpx.Client(base_url=self.url, timeout=_ANEW_S, trust_env=False) as client:

            def answers() -> bool:
                with contextlib.suppress(httpx.HTTPError):
                    return client.get(path).status_code == status
                return False

            self.until(answers, seconds, "the portal", may_panic=may_panic)
        return time.monotonic() - self.began

    def until(
        self, look: Callable[[], object], seconds: float, what: str, *, may_panic: bool = False
    ) -> None:
        """Waits until something is so.

        Raises:
            AssertionError: It never was; the end of the serial log is shown.
        """
        end = time.monotonic() + seconds
        while not look():
            panic = _PANIC.search(self.serial)
            assert may_panic or not panic, f"{what}: the kernel panicked; the box said:\n{self._last_words()}"
            assert self.keep_on(), f"{what}: QEMU has ended; the box said:\n{self._last_words()}"
            assert time.monotonic() < end, (
                f"{what} did not come within {seconds:.0f} s; the box said:\n{self._last_words()}"
            )
            time.sleep(0.2)

    @property
    def shell(self) -> Shell:
        """The root shell inside, once it is there."""
        assert self.keep_on()
        assert self._shell is not None
        return self._shell

    def switch_off(self, seconds: float = 120.0) -> None:
        """Presses the power button until the box is off: one who presses before anybody in the box listens presses again."""
        assert self._qmp
        assert self._process
        end = time.monotonic() + seconds
        while self._process.poll() is None:
            assert time.monotonic() < end, f"it does not switch off; it said:\n{self._last_words()}"
            with contextlib.suppress(OSError, EOFError):  # it may be going off just now
                self._qmp.ask("system_powerdown")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_PRESSED_AGAIN_S)
        self._put_away()

    def cut_power(self, chance: random.Random) -> tuple[int, int]:
        """Pulls the plug: what was not flushed to the disk is kept or lost by chance.

        Returns:
            How many blocks of 4,096 bytes were kept and lost.
        """
        assert self._disk, "this disk loses nothing; `forgets` makes one that does"
        outcome = self._disk.cut(chance)
        if self._process:
            self._process.kill()
            self._process.wait()
        self._disk = None
        self._put_away()
        return outcome

    def remove(self) -> None:
        """Ends it, however it is, and takes its files away."""
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Ends it, however it is; its medium stays."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._put_away()

    def _close_connections(self) -> None:
        for each in (self._qmp, self._shell):
            if each is not None:
                each.close()

    def _put_away(self) -> None:
        self._close_connections()
        if self._disk is not None:
            self._disk.__exit__()
        self._qmp = self._shell = self._disk = self._process = None

    @property
    def serial_log(self) -> Path:
        """Where what it says is kept."""
        return self.folder / f"serial-{self.starts}.log"

    def _last_words(self) -> str:
        return self.serial[-6000:].decode("utf-8", "replace")

    def _command(self) -> list[str]:
        hardware, board = self.hardware, self.board
        clock = f"base={hardware.clock},clock=vm" if hardware.clock else "base=utc"
        return [
            *emulator.command(board.machine), "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-machine", board.chipset,
            *acceleration.options(board), "-smp", str(hardware.processors), "-m", str(hardware.memory_mb),
            *board.firmware(self.folder), "-rtc", clock, "-device", "virtio-rng-pci",
            "-qmp", f"unix:{self.folder / 'qmp'},server=on,wait=off",
            *self._serial_ports(), *self._network(), *self._disks(), *hardware.extra,
        ]  # fmt: skip

    def _serial_ports(self) -> Iterator[str]:
        for name, log in (("console", self.serial_log), ("shell", self.folder / "shell.log")):
            yield from (
                "-chardev",
                f"socket,id={name},path={self.folder / name},server=on,wait=off,logfile={log},logappend=on",
            )
        yield from ("-serial", "chardev:console")
        if self.board.console:
            yield from ("-device", f"{self.board.console},chardev=shell")
        else:
            yield from ("-serial", "chardev:shell")
        yield from shell.options("ttyS0" if self.board.console else "ttyS1")

    def _network(self) -> Iterator[str]:
        ports = f"hostfwd=tcp:127.0.0.1:{self.portal_port}-:80,hostfwd=tcp:127.0.0.1:{self.door_port}-:25"
        # Beyond the two ports nothing goes in or out: a home without internet, and tests that send nothing anywhere.
        restrict = "off" if self.hardware.has_internet else "on"
        yield from (
            "-netdev",
            f"user,id=lan,restrict={restrict},{ports}",
            "-device",
            "virtio-net-pci,netdev=lan,romfile=",
        )

    def _disks(self) -> Iterator[str]:
        if self.hardware.forgets:
            source = f"driver=nbd,server.type=unix,server.path={self.folder / 'disk.sock'}"
        else:
            source = f"driver=raw,file.driver=file,file.filename={self.disk_file}"
        yield from (
            "-blockdev", f"node-name={_MEDIUM},{source}",
            "-device", f"virtio-blk-pci,drive={_MEDIUM},bootindex=1,write-cache=on",
        )  # fmt: skip
        if self.hardware.further_disk:
            yield from (
                "-drive", f"if=none,id=stick,format=raw,readonly=on,file={self.hardware.further_disk}",
                "-device", "virtio-blk-pci,drive=stick",
            )  # fmt: skip
        if self.hardware.usb_stick:
            yield from (
                "-drive", f"if=none,id=usb-stick,format=raw,readonly=on,file={self.hardware.usb_stick}",
                "-device", "qemu-xhci", "-device", "usb-storage,drive=usb-stick,removable=on",
            )  # fmt: skip
