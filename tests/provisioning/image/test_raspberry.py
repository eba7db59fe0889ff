"""What a Raspberry Pi finds on the boot partition, from a system made up for the test."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from agent.errors import SettingsError
from provisioning.image import board, boot, raspberry
from provisioning.image.raspberry import uboot

PROGRAM = (
    b"\x0a\0\0\x14...\0bootcmd=bootflow scan\0bootdelay=2\0boot_targets=mmc usb pxe dhcp\0board=rpi\0\0code"
)
WORDS = {
    "bcm2711-rpi-4-b.dtb": b"raspberrypi,4-model-b\0brcm,bcm2711\0",
    "bcm2711-rpi-400.dtb": b"raspberrypi,400\0brcm,bcm2711\0",
    "bcm2712-rpi-5-b.dtb": b"brcm,bcm2712\0brcm,bcm2712c0-pinctrl\0rp1\0",
    "bcm2712-d-rpi-5-b.dtb": b"brcm,bcm2712\0brcm,bcm2712d0-pinctrl\0rp1\0",
}


def device_tree(words: bytes) -> bytes:
    return b"\xd0\x0d\xfe\xed" + (8 + len(words)).to_bytes(4, "big") + words


def put(root: Path, name: str, content: bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    put(tmp_path, "usr/lib/u-boot/rpi_arm64/u-boot.bin", PROGRAM)
    put(tmp_path, "usr/lib/raspi-firmware/start4.elf", b"\x7fELF start")
    put(tmp_path, "usr/lib/raspi-firmware/fixup4.dat", b"fixup")
    put(tmp_path, "usr/share/doc/raspi-firmware/copyright", b"Broadcom's licence")
    for name, words in WORDS.items():
        put(tmp_path, f"usr/lib/modules/7.2.12/dtb/broadcom/{name}", device_tree(words))
    return tmp_path


def test_every_file_that_the_firmware_asks_for_is_there(tree: Path) -> None:
    files = raspberry.esp_files(tree)
    assert set(files) == {
        "LICENCE.broadcom", "config.txt", "fixup4.dat", "start4.elf", "u-boot.bin", "uboot.env", *raspberry.TREES,
    }  # fmt: skip
    assert files["u-boot.bin"] == PROGRAM


def test_a_newer_pi_5_gets_the_tree_of_its_own_stepping_under_both_names(tree: Path) -> None:
    files = raspberry.esp_files(tree)
    assert files["bcm2712d0-rpi-5-b.dtb"] == files["bcm2712-d-rpi-5-b.dtb"]
    assert b"bcm2712d0-pinctrl" in files["bcm2712d0-rpi-5-b.dtb"]
    assert b"bcm2712c0-pinctrl" in files["bcm2712-rpi-5-b.dtb"]


def test_the_older_kernels_folder_is_found_too(tree: Path) -> None:
    (tree / "usr/lib/modules/7.2.12/dtb").rename(tree / "usr/lib/linux-image-6.12")
    assert raspberry.esp_files(tree).keys() >= raspberry.TREES.keys()


def test_config_names_files_that_are_there_and_leaves_the_choice_of_the_tree_to_the_firmware(
    tree: Path,
) -> None:
    files = raspberry.esp_files(tree)
    lines = [line for line in files["config.txt"].decode().splitlines() if line and not line.startswith("#")]
    assert f"kernel={'u-boot.bin'}" in lines
    assert "arm_64bit=1" in lines
    assert not [line for line in lines if line.startswith(("device_tree=", "dtoverlay=", "initramfs"))]
    everywhere, pi5 = lines[: lines.index("[pi5]")], lines[lines.index("[pi5]") :]
    assert "enable_uart=1" in everywhere
    assert "enable_uart=0" in pi5


def test_the_licence_travels_with_the_firmware(tree: Path) -> None:
    assert raspberry.esp_files(tree)["LICENCE.broadcom"] == b"Broadcom's licence"


@pytest.mark.parametrize(
    ("path", "package"),
    [
        ("usr/lib/u-boot/rpi_arm64/u-boot.bin", "u-boot-rpi"),
        ("usr/lib/raspi-firmware/start4.elf", "raspi-firmware"),
        ("usr/lib/raspi-firmware/fixup4.dat", "raspi-firmware"),
    ],
)
def test_a_missing_file_is_named_with_its_package(tree: Path, path: str, package: str) -> None:
    (tree / path).unlink()
    with pytest.raises(SettingsError, match=package):
        raspberry.esp_files(tree)


def test_an_empty_file_is_not_taken(tree: Path) -> None:
    put(tree, "usr/lib/raspi-firmware/fixup4.dat", b"")
    with pytest.raises(SettingsError, match="empty"):
        raspberry.esp_files(tree)


def test_firmware_that_is_no_program_is_not_taken(tree: Path) -> None:
    put(tree, "usr/lib/raspi-firmware/start4.elf", b"<html>404</html>")
    with pytest.raises(SettingsError, match=r"start4\.elf"):
        raspberry.esp_files(tree)


def test_trees_of_the_wrong_stepping_end_the_build(tree: Path) -> None:
    put(
        tree,
        "usr/lib/modules/7.2.12/dtb/broadcom/bcm2712-d-rpi-5-b.dtb",
        device_tree(WORDS["bcm2712-rpi-5-b.dtb"]),
    )
    with pytest.raises(SettingsError, match="bcm2712d0"):
        raspberry.esp_files(tree)


def test_a_tree_without_rp1_ends_the_build_because_such_a_pi_5_has_no_ethernet(tree: Path) -> None:
    words = WORDS["bcm2712-rpi-5-b.dtb"].replace(b"rp1\0", b"")
    put(tree, "usr/lib/modules/7.2.12/dtb/broadcom/bcm2712-rpi-5-b.dtb", device_tree(words))
    with pytest.raises(SettingsError, match="rp1"):
        raspberry.esp_files(tree)


def test_a_tree_that_was_cut_off_ends_the_build(tree: Path) -> None:
    path = tree / "usr/lib/modules/7.2.12/dtb/broadcom/bcm2711-rpi-4-b.dtb"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SettingsError, match="no device tree"):
        raspberry.esp_files(tree)


@pytest.mark.parametrize("kernels", [0, 2])
def test_the_trees_are_those_of_exactly_one_kernel(tree: Path, kernels: int) -> None:
    folder = tree / "usr/lib/modules/7.2.12/dtb/broadcom"
    if kernels:
        (tree / "usr/lib/linux-image-6.12/broadcom").mkdir(parents=True)
    else:
        folder.rename(tree / "elsewhere")
    with pytest.raises(SettingsError, match="exactly one kernel"):
        raspberry.esp_files(tree)


def read_environment(content: bytes) -> dict[str, str]:
    assert len(content) == uboot.SIZE
    assert int.from_bytes(content[:4], "little") == zlib.crc32(content[4:])
    lines = content[4:].partition(b"\0\0")[0].decode().split("\0")
    return dict(line.split("=", 1) for line in lines)


def test_u_boot_keeps_its_own_settings_but_waits_for_no_key_and_asks_no_network(tree: Path) -> None:
    settings = read_environment(raspberry.esp_files(tree)["uboot.env"])
    assert settings == {
        "bootcmd": "bootflow scan",
        "bootdelay": "-2",
        "boot_targets": "mmc usb",
        "board": "rpi",
    }


@pytest.mark.parametrize("program", [b"no settings", PROGRAM + PROGRAM, b"\0bootcmd=never ends"])
def test_a_u_boot_whose_settings_are_not_found_ends_the_build(program: bytes) -> None:
    with pytest.raises(SettingsError, match="U-Boot"):
        uboot.environment(program, {})


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SettingsError, match="longer"):
        uboot.environment(PROGRAM, {"bootcmd": "x" * uboot.SIZE})


def test_grub_tells_the_kernel_of_the_serial_lines_of_both_boards() -> None:
    script = boot.grub_configuration(console=board.load("rpi").console)
    (line,) = (line for line in script.splitlines() if line.strip().startswith("linux "))
    assert line.endswith("console=tty0 console=ttyAMA10,115200 console=ttyS1,115200")
