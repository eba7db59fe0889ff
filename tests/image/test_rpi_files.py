"""The Raspberry Pi's image, file by file, against what reads it: boot ROM and EEPROM, `start4.elf`, U-Boot, GRUB, the kernel.

What is asked for stands in Raspberry Pi's documentation (config.txt, bootloader), U-Boot's of Debian's package and the kernel's.
"""

from __future__ import annotations

import re
import struct
import zlib

import pytest

from provisioning.image.board import load
from tests.image.conftest import image_of
from tests.image.device_tree import DeviceTree
from tests.image.flashed import Flashed, initrd_names

pytestmark = [pytest.mark.image_full]

ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
MEBIBYTE = 1024 * 1024
FEWEST_CLUSTERS_OF_FAT32 = 65_525
VIDEOCORE = 137  # ELF's number of the processor that runs start4.elf
# Everything that config.txt of Raspberry Pi's documentation knows and we use.
KEYS = {
    "arm_64bit", "camera_auto_detect", "disable_overscan", "display_auto_detect", "enable_uart", "kernel", "upstream_kernel",
}  # fmt: skip
# Board -> the tree that its firmware picks, and what must be in it for the box to start and to be reached.
BOARDS = {
    "Pi 4": (
        "bcm2711-rpi-4-b.dtb",
        "brcm,bcm2711",
        ["brcm,bcm2711-emmc2", "brcm,bcm2711-genet-v5", "brcm,bcm2711-pcie", "brcm,bcm2835-mbox"],
    ),
    "Pi 400": (
        "bcm2711-rpi-400.dtb",
        "brcm,bcm2711",
        ["brcm,bcm2711-emmc2", "brcm,bcm2711-genet-v5", "brcm,bcm2711-pcie", "brcm,bcm2835-mbox"],
    ),
    "Pi 5, first stepping": (
        "bcm2712-rpi-5-b.dtb",
        "brcm,bcm2712",
        ["brcm,bcm2712-sdhci", "raspberrypi,rp1-gem", "brcm,bcm2712-pcie", "brcm,bcm2712c0-pinctrl"],
    ),
    "Pi 5, D0 stepping": (
        "bcm2712d0-rpi-5-b.dtb",
        "brcm,bcm2712",
        ["brcm,bcm2712-sdhci", "raspberrypi,rp1-gem", "brcm,bcm2712-pcie", "brcm,bcm2712d0-pinctrl"],
    ),
}
# Kernel option -> what does not work without it.
OPTIONS = {
    "MMC_SDHCI_IPROC": "SD card of a Pi 4",
    "MMC_SDHCI_BRCMSTB": "SD card of a Pi 5",
    "BCMGENET": "Ethernet of a Pi 4",
    "MACB": "Ethernet of a Pi 5",
    "MISC_RP1": "what lies behind RP1 of a Pi 5",
    "PINCTRL_RP1": "the same",
    "COMMON_CLK_RP1": "the same",
    "PCIE_BRCMSTB": "USB of a Pi 4, RP1 of a Pi 5",
    "USB_XHCI_PCI": "USB of a Pi 4",
    "USB_DWC3_GENERIC_PLAT": "USB of a Pi 5",
    "BRCMFMAC": "Wi-Fi",
    "SERIAL_8250_BCM2835AUX": "serial line of a Pi 4",
    "SERIAL_AMBA_PL011": "serial line of a Pi 5",
    "RASPBERRYPI_FIRMWARE": "the firmware's services",
    "EFI_STUB": "being started by GRUB",
}


@pytest.fixture(scope="module")
def flashed() -> Flashed:
    return Flashed(image_of("rpi"))


def settings(flashed: Flashed) -> dict[str, dict[str, str]]:
    """config.txt: filter -> key -> value."""
    found: dict[str, dict[str, str]] = {"": {}}
    section = ""
    for line in flashed.boot_file("config.txt").decode("ascii").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            found.setdefault(section, {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[section][key] = value
    return found


def test_the_boot_partition_is_the_first_of_a_gpt_and_of_a_type_that_the_eeprom_takes(
    flashed: Flashed,
) -> None:
    esp = flashed.table["esp"]
    assert esp.number == 1
    assert esp.type == ESP
    assert esp.start % MEBIBYTE == 0
    assert flashed.image.stat().st_size >= esp.start + esp.size
    assert list(flashed.table) == ["esp", "root_a"]
    assert flashed.table["root_a"].number == 2


def test_the_boot_partition_is_fat32_which_is_the_one_that_older_firmware_reads_from_a_gpt(
    flashed: Flashed,
) -> None:
    sector = flashed.raw("esp", 512)
    assert sector[510:] == b"\x55\xaa"
    assert sector[82:90] == b"FAT32   "
    per_cluster, reserved, tables = sector[13], struct.unpack_from("<H", sector, 14)[0], sector[16]
    sectors, per_table = struct.unpack_from("<I", sector, 32)[0], struct.unpack_from("<I", sector, 36)[0]
    clusters = (sectors - reserved - tables * per_table) // per_cluster
    assert clusters >= FEWEST_CLUSTERS_OF_FAT32
    assert struct.unpack_from("<H", sector, 11)[0] == 512


def test_a_pi_4_finds_its_firmware_and_the_memory_split_that_belongs_to_it(flashed: Flashed) -> None:
    program = flashed.boot_file("start4.elf")
    assert program.startswith(b"\x7fELF")
    assert struct.unpack_from("<H", program, 18)[0] == VIDEOCORE
    assert len(flashed.boot_file("fixup4.dat")) > 1000
    assert flashed.boot_file("LICENCE.broadcom")


def test_config_says_only_what_the_firmware_knows_and_names_a_file_that_is_there(flashed: Flashed) -> None:
    said = settings(flashed)
    assert set(said) <= {"", "all", "pi4", "pi5"}
    assert {key for section in said.values() for key in section} <= KEYS
    assert said[""]["arm_64bit"] == "1"
    assert said[""]["upstream_kernel"] == "1"
    assert said[""]["kernel"] in flashed.boot_files()
    assert max(map(len, flashed.boot_file("config.txt").splitlines())) < 98  # longer lines are cut off


def test_u_boot_hears_its_serial_line_on_a_pi_4_and_no_noise_on_a_pi_5(flashed: Flashed) -> None:
    said = settings(flashed)
    assert said[""]["enable_uart"] == "1"
    assert said["pi5"]["enable_uart"] == "0"


@pytest.mark.parametrize("board", BOARDS)
def test_the_device_tree_that_the_firmware_picks_describes_the_board(flashed: Flashed, board: str) -> None:
    name, chip, parts = BOARDS[board]
    tree = DeviceTree.read(flashed.boot_file(name))
    assert chip in tree.words("/", "compatible")
    for part in parts:
        assert tree.compatible(part), f"{name} has no {part} that is switched on"
    assert "/aliases" in tree.nodes
    assert tree.words("/chosen", "stdout-path")


def test_u_boot_is_for_64_bit_and_its_settings_file_is_whole(flashed: Flashed) -> None:
    program = flashed.boot_file("u-boot.bin")
    branch = struct.unpack_from("<I", program)[0]
    assert branch >> 26 == 0b000101, "it does not begin with a 64-bit Arm branch"
    content = flashed.boot_file("uboot.env")
    assert len(content) == 0x4000
    assert struct.unpack_from("<I", content)[0] == zlib.crc32(content[4:])
    said = dict(line.split("=", 1) for line in content[4:].partition(b"\0\0")[0].decode().split("\0"))
    assert said["bootdelay"] == "-2"
    assert said["bootcmd"] == "bootflow scan"
    assert said["boot_targets"] == "mmc usb"
    for name in ("kernel_addr_r", "fdt_addr_r", "ramdisk_addr_r", "stdout"):
        assert f"\0{name}={said[name]}\0".encode() in program, f"{name} is not U-Boot's own"


def test_u_boot_finds_grub_where_uefi_looks_on_a_medium_that_it_does_not_know(flashed: Flashed) -> None:
    grub = flashed.boot_file("EFI/BOOT/BOOTAA64.EFI")
    header = struct.unpack_from("<I", grub, 0x3C)[0]
    assert grub[:2] == b"MZ"
    assert grub[header : header + 4] == b"PE\0\0"
    assert struct.unpack_from("<H", grub, header + 4)[0] == 0xAA64
    assert len(flashed.boot_file("grub/grubenv")) == 1024
    assert len(flashed.boot_file("grub/grubenv.bak")) == 1024


def test_grub_gives_the_kernel_the_serial_lines_of_both_boards(flashed: Flashed) -> None:
    script = flashed.boot_file("grub/grub.cfg").decode()
    line = next(line for line in script.splitlines() if line.strip().startswith("linux "))
    for console in load("rpi").console.split():
        assert f"console={console}" in line
    assert "root=$root_is" in line
    assert 'probe --set=identity --part-uuid "($part)"' in script


def kernel_version(flashed: Flashed) -> str:
    versions = flashed.slot_names("/usr/lib/modules")
    assert len(versions) == 1, f"the slot has several kernels: {versions}"
    return versions[0]


def test_the_slot_holds_one_kernel_and_it_is_the_pinned_one(flashed: Flashed) -> None:
    version = kernel_version(flashed)
    assert f"linux-image-{version}" in load("rpi").packages
    kernel = flashed.slot_file("/boot/vmlinuz")
    assert kernel[56:60] == b"ARM\x64", "this is no kernel for 64-bit Arm that GRUB can read"
    assert version.encode() in kernel


def test_the_device_trees_on_the_boot_partition_are_of_the_kernel_in_the_slot(flashed: Flashed) -> None:
    folder = f"/usr/lib/modules/{kernel_version(flashed)}/dtb/broadcom"
    for name, source in {
        "bcm2711-rpi-4-b.dtb": "bcm2711-rpi-4-b.dtb",
        "bcm2712-rpi-5-b.dtb": "bcm2712-rpi-5-b.dtb",
        "bcm2712d0-rpi-5-b.dtb": "bcm2712-d-rpi-5-b.dtb",
    }.items():
        assert flashed.boot_file(name) == flashed.slot_file(f"{folder}/{source}")


def test_the_kernel_has_what_both_boards_need_to_start_and_to_be_reached(flashed: Flashed) -> None:
    version = kernel_version(flashed)
    for place in (f"/usr/lib/modules/{version}/config", f"/boot/config-{version}"):
        try:
            said = flashed.slot_file(place).decode()
            break
        except FileNotFoundError:
            continue
    else:
        pytest.fail("the kernel's configuration is not in the slot")
    on = set(re.findall(r"^CONFIG_(\w+)=[ym]$", said, re.MULTILINE))
    missing = {f"{option}: {why}" for option, why in OPTIONS.items() if option not in on}
    assert not missing


def test_the_initrd_has_the_drivers_of_the_way_to_the_card(flashed: Flashed) -> None:
    names = initrd_names(flashed.slot_file("/boot/initrd.img"))
    modules = {re.sub(r"\.ko(\.\w+)?$", "", name.rpartition("/")[2]).replace("_", "-") for name in names}
    missing = {name for name in load("rpi").initrd_modules if name.replace("_", "-") not in modules}
    assert not missing
    assert {"ext4"} <= modules


def test_the_wireless_card_finds_its_firmware(flashed: Flashed) -> None:
    names = {name.split(".xz")[0].split(".zst")[0] for name in flashed.slot_names("/usr/lib/firmware/brcm")}
    for card in ("brcmfmac43455-sdio", "brcmfmac43456-sdio"):
        assert any(name.startswith(card) and name.endswith(".bin") for name in names), card
        assert any(name.startswith(card) and name.endswith(".txt") for name in names), card


def test_debians_own_copy_for_the_boot_partition_does_not_fill_the_slot(flashed: Flashed) -> None:
    assert flashed.slot_names("/boot/firmware") == []
