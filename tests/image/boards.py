"""What QEMU needs to be told to be a board.

Owns: chip set, firmware and processor per board.
Does not know: the image.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.image import emulator


@dataclass(frozen=True, kw_only=True)
class Board:
    """A kind of box that QEMU can be."""

    name: str  # as `make image BOARD=` has it
    machine: str  # as `uname -m` and QEMU say
    chipset: str
    emulated_processor: str
    code: str  # the firmware, as `emulator` finds it
    variables: str  # what it keeps, as delivered
    console: str  # option name of the second serial port's device, empty where the chip set has it

    def firmware(self, folder: Path) -> tuple[str, ...]:
        """The options for UEFI with variables of this machine's own.

        Args:
            folder: Where those are kept.
        """
        own = folder / "firmware-variables"
        if not own.exists():
            shutil.copyfile(emulator.firmware(self.variables), own)
        return (
            "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={emulator.firmware(self.code)}",
            "-drive", f"if=pflash,format=raw,unit=1,file={own}",
        )  # fmt: skip


BOARDS = {
    board.name: board
    for board in (
        Board(
            name="pc",
            machine="x86_64",
            chipset="q35",
            # No AVX: emulated, its arithmetic takes ten times as long. And it does not speculate: the kernel guards a processor that
            # does on every call and every entry, against what an emulator cannot do, and that costs a third of the start.
            emulated_processor="n270,+lm,+syscall,+nx,+cx16,+lahf-lm,+popcnt,+sse4.1,+sse4.2",
            code="OVMF/OVMF_CODE_4M.fd",
            variables="OVMF/OVMF_VARS_4M.fd",
            console="",
        ),
        Board(
            name="arm64",
            machine="aarch64",
            chipset="virt",
            emulated_processor="cortex-a72",
            code="AAVMF/AAVMF_CODE.no-secboot.fd",
            variables="AAVMF/AAVMF_VARS.fd",
            console="pci-serial",
        ),
    )
}
