"""QEMU and its firmware as Debian's suite of the image has them, whatever the suite of this machine.

Owns: how the programs are started that `provisioning/setup.sh machine` unpacks.
Does not know: what is run in them.

Measured with one image on one machine: QEMU 10 starts it in two thirds of the time that QEMU 7.2 of Debian 12 takes.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent.parent.parent / "build" / "emulator"


@cache
def command(architecture: str) -> tuple[str, ...]:
    """The beginning of QEMU's command line: its own loader with its own libraries, since this machine's may be older.

    Args:
        architecture: As QEMU calls it, such as "x86_64".

    Raises:
        AssertionError: It was not unpacked yet.
    """
    program = FOLDER / "usr" / "bin" / f"qemu-system-{architecture}"
    assert program.exists(), "QEMU is missing; `provisioning/setup.sh machine` brings it"
    (loader,) = FOLDER.glob("usr/lib/*-linux-gnu/ld-linux-*.so.*")
    return (
        str(loader), "--library-path", str(loader.parent), str(program), "-L", str(FOLDER / "usr" / "share" / "qemu"),
    )  # fmt: skip


def firmware(name: str) -> Path:
    """A file of UEFI's firmware.

    Args:
        name: Such as "OVMF/OVMF_CODE_4M.fd".
    """
    return FOLDER / "usr" / "share" / name
