"""What a Raspberry Pi 4 or 5 needs on the boot partition before any of our files is read.

Owns: which files of Debian's packages go there, under which names, and `config.txt`.
Does not know: how the boot partition is made, nor what comes after U-Boot (GRUB, as on every Arm machine with UEFI).

A Pi 4 reads `start4.elf` and `fixup4.dat`, which read `config.txt`, the device tree and U-Boot; a Pi 5 has all of that but the tree
and U-Boot in its own memory. U-Boot then starts `EFI/BOOT/BOOTAA64.EFI`, so slots and their counters are the same on every board.
"""

from __future__ import annotations

from pathlib import Path

from agent.errors import SettingsError
from provisioning.image.raspberry import uboot

_HERE = Path(__file__).parent
_FIRMWARE = "usr/lib/raspi-firmware"
_UBOOT = "usr/lib/u-boot/rpi_arm64/u-boot.bin"
_LICENCE = "usr/share/doc/raspi-firmware/copyright"
# Where Debian's kernels keep device trees: up to 6.12, and since.
_TREE_FOLDERS = ("usr/lib/linux-image-*/broadcom", "usr/lib/modules/*/dtb/broadcom")
_ELF = b"\x7fELF"
_TREE = b"\xd0\x0d\xfe\xed"

# What the firmware looks for -> what the kernel calls it. The firmware picks by the board's revision: newer Pi 5 have another
# stepping of the processor (D0), and the wrong tree kills the kernel after three seconds.
TREES = {
    "bcm2711-rpi-4-b.dtb": "bcm2711-rpi-4-b.dtb",
    "bcm2711-rpi-400.dtb": "bcm2711-rpi-400.dtb",
    "bcm2712-rpi-5-b.dtb": "bcm2712-rpi-5-b.dtb",
    "bcm2712d0-rpi-5-b.dtb": "bcm2712-d-rpi-5-b.dtb",
    "bcm2712-d-rpi-5-b.dtb": "bcm2712-d-rpi-5-b.dtb",
}
# A word that the tree of a board must hold, and which the tree of its neighbour does not.
_WORD = {
    "bcm2711-rpi-4-b.dtb": b"raspberrypi,4-model-b\0",
    "bcm2711-rpi-400.dtb": b"raspberrypi,400\0",
    "bcm2712-rpi-5-b.dtb": b"brcm,bcm2712c0-pinctrl\0",
    "bcm2712-d-rpi-5-b.dtb": b"brcm,bcm2712d0-pinctrl\0",
}
_RP1 = b"rp1"  # the chip behind which a Pi 5 has its Ethernet and USB

# Nobody can type at a box without a keyboard, but a serial line to which nothing is connected hears noise, which would stop U-Boot
# at its prompt. And what starts a box lies on its own medium: nothing is asked of the network.
_UBOOT_CHANGES = {"bootdelay": "-2", "boot_targets": "mmc usb"}


def esp_files(tree: Path) -> dict[str, bytes]:
    """What goes onto the boot partition: path there -> content.

    Args:
        tree: The system that was installed for the board.

    Raises:
        SettingsError: Something is missing, or is not what its name says.
    """
    program = _read(tree / _UBOOT, "u-boot-rpi")
    content = {
        "config.txt": (_HERE / "config.txt").read_bytes(),
        "u-boot.bin": program,
        "uboot.env": uboot.environment(program, _UBOOT_CHANGES),
        "LICENCE.broadcom": _read(tree / _LICENCE, "raspi-firmware"),
    }
    for name in ("start4.elf", "fixup4.dat"):
        content[name] = _read(tree / _FIRMWARE / name, "raspi-firmware")
    if not content["start4.elf"].startswith(_ELF):
        raise SettingsError("start4.elf of the package raspi-firmware is no program.")
    folder = _tree_folder(tree)
    return content | {name: _tree(folder, source) for name, source in TREES.items()}


def _tree_folder(tree: Path) -> Path:
    # One of the two places may be a link to the other.
    found = sorted({folder.resolve() for pattern in _TREE_FOLDERS for folder in tree.glob(pattern)})
    if len(found) != 1:
        kernels = ", ".join(str(folder.relative_to(tree.resolve())) for folder in found) or "none"
        raise SettingsError(
            f"The device trees of exactly one kernel are needed; there are: {kernels}.",
            hint="Name one kernel in the board's file.",
        )
    return found[0]


def _tree(folder: Path, name: str) -> bytes:
    content = _read(folder / name, "linux-image")
    if not content.startswith(_TREE) or int.from_bytes(content[4:8], "big") != len(content):
        raise SettingsError(f"{name} is no device tree.", hint="Build anew: it may be cut off.")
    wanted = [_WORD[name]] + ([_RP1] if name.startswith("bcm2712") else [])
    for word in wanted:
        if word not in content:
            text = word.rstrip(b"\0").decode()
            raise SettingsError(
                f"{name} does not describe its board: it has no {text}.",
                hint="Name a kernel of 7.2 or newer in the board's file.",
            )
    return content


def _read(path: Path, package: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as missing:
        raise SettingsError(
            f"{path.name} is not in the system that was installed for the board.",
            hint=f"It comes with the package {package}.",
        ) from missing
    if not content:
        raise SettingsError(f"{path.name} of the package {package} is empty.")
    return content
