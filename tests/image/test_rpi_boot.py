"""The Raspberry Pi's image on as much of a Pi as QEMU has (`pi` says how much): U-Boot, GRUB, the pinned kernel, slot A, systemd.

It is started as after a try that failed, since only then the kernel says what it does.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.image.conftest import image_of
from tests.image.flashed import Flashed
from tests.image.medium import Medium
from tests.image.pi import Pi
from tests.image.report import Report

pytestmark = [pytest.mark.image_full, pytest.mark.timeout(5400)]

UBOOT_S, GRUB_S, KERNEL_S, SYSTEMD_S = 120.0, 300.0, 900.0, 1800.0


def test_it_goes_from_u_boot_over_grub_into_the_slot(stage: Path, report: Report) -> None:
    image = image_of("rpi")
    flashed = Flashed(image)
    (version,) = flashed.slot_names("/usr/lib/modules")
    tree = flashed.slot_file(f"/usr/lib/modules/{version}/dtb/broadcom/bcm2837-rpi-3-b.dtb")
    pi = Pi(stage / "pi", image, flashed.boot_file("u-boot.bin"), tree)
    Medium(pi.card).set_counters(A_TRY="1")
    with pi:
        pi.until(lambda: "U-Boot 20" in pi.said, UBOOT_S, "U-Boot")
        grub = pi.until(lambda: "Nisse starts from slot A (normal)" in pi.said, GRUB_S, "GRUB")
        assert "Loading Environment from FAT... OK" in pi.said
        assert "Hit any key" not in pi.said
        report.detail("rpi_grub_s", round(grub, 1))
        pi.until(lambda: f"Linux version {version}" in pi.said, KERNEL_S, "the kernel")
        pi.until(lambda: "EXT4-fs (mmcblk0p2): mounted" in pi.said, SYSTEMD_S, "the slot")
        report.detail(
            "rpi_systemd_s", round(pi.until(lambda: "systemd[1]:" in pi.said, SYSTEMD_S, "systemd"), 1)
        )
    assert Medium(pi.card).counters()["A_TRY"] == "2"
