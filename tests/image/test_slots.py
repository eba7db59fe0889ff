"""Updates of the system: a good one is kept, a bad one leaves the box on the old slot within three tries, and when nothing starts any more
the box says so and does not try for ever.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from tests.image.conftest import BOOT_S, Claimed, Plug
from tests.image.machine import Machine
from tests.image.medium import Medium
from tests.image.report import Report

pytestmark = [pytest.mark.image_full, pytest.mark.timeout(2 * 3600)]

TRIES = 3
_TRAILER = b"070701" + b"0" * 88 + b"0000000B" + b"00000000" + b"TRAILER!!!\0\0\0\0"
NO_INIT = gzip.compress(_TRAILER.ljust(512, b"\0"))
FAILING = b"[Unit]\nDescription=fails\nStartLimitIntervalSec=10min\nStartLimitBurst=3\nStartLimitAction=reboot\nConditionKernelCommandLine=!nisse.mode=recovery\n[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=1\n"
Spoil = Callable[[Medium, str], None]
INITRD, UNIT = "/boot/initrd.img", "/usr/lib/systemd/system/nisse.service"
_GROUPS = 4096  # where ext4 with blocks of 4,096 bytes describes its first group


def without_init(medium: Medium, slot: str) -> None:
    """The kernel panics: it finds no init."""
    medium.put_into_slot(slot, INITRD, NO_INIT)


def without_root(medium: Medium, slot: str) -> None:
    """GRUB reads the slot, and the kernel refuses to mount it: its first group lies nowhere."""
    medium.overwrite(slot, b"\xff\xff\xff\xff", at=_GROUPS)


def with_failing_unit(medium: Medium, slot: str) -> None:
    """Everything starts but the house."""
    medium.put_into_slot(slot, UNIT, FAILING)


SPOILT: dict[str, Spoil] = {
    "kernel_panics": without_init,
    "root_does_not_mount": without_root,
    "unit_fails": with_failing_unit,
}


def updated(claimed: Claimed, plug: Plug, spoil: Spoil) -> tuple[Machine, Medium]:
    """A box as RAUC leaves it: the new system in slot B, which comes first and has all its tries."""
    machine = plug(claimed.disk)
    medium = Medium(machine.disk_file)
    medium.copy_slot("root_a", "root_b")
    spoil(medium, "root_b")
    medium.set_counters(ORDER="B A", B_OK="1", B_TRY="0")
    return machine, medium


@pytest.mark.parametrize("how", SPOILT)
def test_a_bad_update_leads_back_to_the_old_slot(
    claimed: Claimed, plug: Plug, report: Report, how: str
) -> None:
    machine, medium = updated(claimed, plug, SPOILT[how])
    machine.plug_in()
    machine.until(lambda: ("A", "normal") in machine.boots, 4 * BOOT_S, "slot A", may_panic=True)
    machine.until_up(machine_seconds(machine) + BOOT_S)
    report.detail(f"fallback_{how}", {"boots": machine.boots, "seconds": round(machine_seconds(machine))})
