"""Whether this machine's KVM can really run a guest; else QEMU emulates.

Owns: the probe: the firmware is started on KVM, and must say something.
Does not know: what is run afterwards.

That /dev/kvm can be opened proves nothing: there are hosts on which QEMU stays alive with a guest that died at its first
instructions. QMP calls that state `internal-error`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

from tests.image import emulator
from tests.image.boards import Board
from tests.image.qmp import Qmp

_PROBE_S = 8.0
_EMULATED = ("-accel", "tcg,thread=multi")


@cache
def options(board: Board) -> tuple[str, ...]:
    """QEMU's options for the fastest way that works here.

    Args:
        board: What is to be run; a foreign processor is always emulated.
    """
    if os.uname().machine == board.machine and os.access("/dev/kvm", os.R_OK | os.W_OK) and _runs(board):
        return ("-accel", "kvm", "-cpu", "host")
    return (*_EMULATED, "-cpu", board.emulated_processor)


def is_emulated(board: Board) -> bool:
    """Whether guests of this board are emulated here."""
    return options(board)[1].startswith("tcg")


def _runs(board: Board) -> bool:
    with tempfile.TemporaryDirectory(prefix="nisse-kvm-") as folder:
        serial, control = Path(folder) / "serial", Path(folder) / "qmp"
        command = [
            *emulator.command(board.machine), "-nodefaults", "-display", "none", "-machine", board.chipset, "-m", "512", "-accel", "kvm", "-cpu", "host",
            *board.firmware(Path(folder)), "-serial", f"file:{serial}", "-qmp", f"unix:{control},server=on,wait=off",
        ]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return _speaks(process, serial, control)
        finally:
            process.kill()
            process.wait()


def _speaks(process: subprocess.Popen[bytes], serial: Path, control: Path) -> bool:
    try:
        with contextlib.closing(Qmp(control)) as qmp:
            return _says_something(qmp, process, serial)
    except (OSError, EOFError, RuntimeError):
        return False


def _says_something(qmp: Qmp, process: subprocess.Popen[bytes], serial: Path) -> bool:
    end = time.monotonic() + _PROBE_S
    while time.monotonic() < end and process.poll() is None:
        if qmp.ask("query-status")["status"] != "running":
            return False
        if serial.exists() and serial.stat().st_size:
            return True
        time.sleep(0.2)
    return False
