"""GRUB's script alone, on a medium without any kernel: it counts, falls back, asks for recovery, and stops. Half a minute."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provisioning.image import boot
from tests.image.machine import Hardware, Machine
from tests.image.medium import Medium

pytestmark = [pytest.mark.image, pytest.mark.timeout(1200)]

START_S = 900.0
TRIES = 3
MODULES = Path("/usr/lib/grub/x86_64-efi")
_TABLE = """label: gpt
name=esp, start=2048, size=131072, type=uefi
name=root_a, size=32768, type=linux
name=root_b, size=32768, type=linux
name=data, size=32768, type=linux
"""


@pytest.fixture
def machine(stage: Path) -> Machine:
    """A box whose slots hold nothing; both are said to hold a system."""
    if not MODULES.is_dir():
        pytest.skip(f"needs {MODULES}; `apt-get install grub-efi-amd64-bin` brings it")
    file = stage / "without-kernel.img"
    with file.open("wb") as out:
        out.truncate(160 << 20)
    subprocess.run(["sfdisk", "-q", str(file)], input=_TABLE, text=True, check=True)
    partition = Medium(file).partitions["esp"]
    subprocess.run(
        [
            "mkfs.vfat",
            "-F",
            "32",
            f"--offset={partition.begin // 512}",
            str(file),
            str(partition.size // 1024),
        ],
        check=True,
        capture_output=True,
    )
    core = stage / "core.efi"
    subprocess.run(
        [
            "grub-mkimage",
            "-O",
            "x86_64-efi",
            "-d",
            str(MODULES),
            "-p",
            "/grub",
            "-o",
            str(core),
            *boot.GRUB_MODULES,
        ],
        check=True,
    )
    medium = Medium(file)
    for folder in ("EFI", "EFI/BOOT", "grub"):
        medium.make_folder(folder)
    medium.write("EFI/BOOT/BOOTX64.EFI", core.read_bytes())
    medium.write("grub/grub.cfg", boot.grub_configuration(console="ttyS0,115200").encode())
    for name in ("grub/grubenv", "grub/grubenv.bak"):
        medium.write(name, boot.grub_environment())
    medium.set_counters(B_OK="1", ORDER="B A")
    return Machine(stage / "grub", file, disk_bytes=160 << 20, hardware=Hardware(memory_mb=512, processors=1))


def test_it_counts_falls_back_and_stops_in_the_end(machine: Machine) -> None:
    medium = Medium(machine.disk_file)
    try:
        machine.plug_in()
        machine.until(lambda: b"Nisse cannot start" in machine.serial, START_S, "the words on the screen")
        assert (
            machine.boots
            == [("B", "normal")] * TRIES + [("A", "normal")] * TRIES + [("A", "recovery")] * TRIES
        )
        machine.end()
        counters = medium.counters()
        assert (counters["A_TRY"], counters["B_TRY"], counters["RECOVERY_TRY"]) == ("3", "3", "3")

        # A spoilt block: the copy is read and counted in.
        medium.write("grub/grubenv", bytes(1024))
        machine.plug_in()
        machine.until(lambda: len(machine.boots) >= 2, START_S, "two starts")
        assert machine.boots[:2] == [("A", "normal")] * 2  # the copy is of a fresh box
        machine.end()

        # Both spoilt: a start, and if that fails no other by itself.
        for name in ("grub/grubenv", "grub/grubenv.bak"):
            medium.write(name, bytes(1024))
        machine.plug_in()
        machine.until(lambda: b"Nisse cannot start" in machine.serial, START_S, "the words on the screen")
        assert machine.boots == [("A", "normal")]
    finally:
        machine.remove()
