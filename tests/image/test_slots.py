"""Updates of the system: a good one is kept, a bad one leaves the box on the old slot within three tries, and when nothing starts any more
the box says so and does not try for ever.
"""

from __future__ import annotations

import gzip
import os
import random
import re
import subprocess
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from provisioning.image import bundle, keys
from tests.image.conftest import BOOT_S, DOCUMENT, Claimed, Plug, resident_of, until_good
from tests.image.machine import Machine
from tests.image.medium import Medium
from tests.image.report import CHECKOUT, Report
from tests.image.resident import Resident

pytestmark = [pytest.mark.image_full, pytest.mark.timeout(2 * 3600)]

TRIES = 3
NEWER = "99.0"  # the same system, under a later name
LABEL = "BRINGS"
STICK = f"/run/media/system/{LABEL}"
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
    machine = plug(claimed.disk, forgets=True)
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
    machine.until_up(2 * BOOT_S, may_panic=True)
    report.detail(f"fallback_{how}", {"boots": machine.boots, "seconds": round(machine_seconds(machine))})
    assert machine.boots == [("B", "normal")] * TRIES + [("A", "normal")]
    until_good(machine, may_panic=True)
    assert resident_of(machine).documents() == [DOCUMENT]
    machine.switch_off()
    assert medium.counters()["LAST_GOOD"] == "A"


def test_when_both_slots_fail_the_recovery_page_says_so_and_stays(
    claimed: Claimed, plug: Plug, report: Report
) -> None:
    machine, medium = updated(claimed, plug, with_failing_unit)
    with_failing_unit(medium, "root_a")
    machine.plug_in()
    machine.until(lambda: ("A", "recovery") in machine.boots, 8 * BOOT_S, "recovery")
    machine.until_up(2 * BOOT_S, status=503)
    assert machine.boots == [("B", "normal")] * TRIES + [("A", "normal")] * TRIES + [("A", "recovery")]
    page = httpx.get(machine.url, timeout=30, trust_env=False).text
    assert "Nisse" in page
    report.detail("recovery_page", {"seconds": round(machine_seconds(machine)), "page": page[:300]})
    time.sleep(90)
    assert len(machine.boots) == 2 * TRIES + 1, "it must not start again by itself"
    machine.until(lambda: _counters_in_guest(machine)["B_TRY"] == "0", BOOT_S, "the counters set back")
    machine.cut_power(random.Random(1))
    machine.plug_in()
    machine.until(lambda: machine.boots, BOOT_S, "its start")
    assert machine.boots[0] == ("B", "normal"), "whoever switches it off and on has it tried again"


def test_when_no_kernel_starts_it_stops_trying_and_says_what_to_do(claimed: Claimed, plug: Plug) -> None:
    machine, medium = updated(claimed, plug, without_init)
    without_init(medium, "root_a")
    machine.plug_in()
    machine.until(
        lambda: b"Nisse cannot start" in machine.serial, 8 * BOOT_S, "the words on the screen", may_panic=True
    )
    tried = machine.boots
    assert tried == [("B", "normal")] * TRIES + [("A", "normal")] * TRIES + [("A", "recovery")] * TRIES
    time.sleep(60)
    assert machine.boots == tried, "it must not start again by itself"


def test_a_slot_that_cannot_even_be_read_is_passed_over(claimed: Claimed, plug: Plug) -> None:
    machine, _medium = updated(claimed, plug, lambda medium, slot: medium.overwrite(slot, bytes(65536)))
    machine.plug_in()
    machine.until_up(4 * BOOT_S, may_panic=True)
    assert machine.boots[-1] == ("A", "normal")
    assert len(machine.boots) == TRIES + 1


def test_spoilt_counters_come_back_from_their_copy(claimed: Claimed, plug: Plug) -> None:
    machine = plug(claimed.disk)
    medium = Medium(machine.disk_file)
    medium.write("grub/grubenv", bytes(1024))
    machine.plug_in().until_up(BOOT_S)
    until_good(machine)
    machine.switch_off()
    assert medium.counters()["WHOLE"] == "1"
    assert medium.counters()["A_TRY"] == "0"


def test_a_signed_update_is_installed_and_kept_and_one_of_a_stranger_refused(
    claimed: Claimed, plug: Plug, stage: Path, image: Path, report: Report
) -> None:
    running = tomllib.loads((image.parent / "root/etc/nisse/image.toml").read_text())["version"]
    stick = _stick(stage, image.with_name("root.ext4"), running)
    machine = plug(claimed.disk, usb_stick=stick)
    machine.plug_in().until_up(BOOT_S)
    until_good(machine)
    anna = resident_of(machine)
    machine.until(lambda: "update.raucb" in anna.page("/updates"), BOOT_S, "the stick on the page Updates")
    [mount] = [
        line.split() for line in machine.shell.ask("cat /proc/mounts").splitlines() if f" {STICK} " in line
    ]
    assert mount[2] == "vfat"
    assert {"ro", "nosuid", "nodev", "noexec"} <= set(mount[3].split(","))
    _offered_is_only_the_good_one(anna, running)
    strange = machine.shell.run(f"rauc install {STICK}/strange.raucb", seconds=600)
    assert strange.status != 0
    assert "signature" in strange.text.lower(), strange.text

    began = time.monotonic()
    anna.says("/updates/system/install", {"path": f"{STICK}/update.raucb"}, page="/updates")
    machine.until(lambda: _is_installed(anna), 1800, "the end of the installation")
    report.detail("update_installed_s", round(time.monotonic() - began))
    assert machine.boots == [("A", "normal")], "it restarts when its owner says so"
    anna.says("/box/restart", {}, page="/updates")
    machine.until(lambda: len(machine.boots) > 1, BOOT_S, "its restart")
    machine.until_up(BOOT_S)
    assert machine.boots == [("A", "normal"), ("B", "normal")]
    until_good(machine, 1200)  # on trial: the brain must answer, too
    anna = resident_of(machine)
    assert f"The system is now {NEWER}." in anna.page("/updates")
    assert anna.documents() == [DOCUMENT]
    assert len(machine.boots) == 2
    machine.switch_off()
    counters = Medium(machine.disk_file).counters()
    assert (counters["LAST_GOOD"], counters["ORDER"], counters["B_TRY"]) == ("B", "B A", "0")


def _offered_is_only_the_good_one(anna: Resident, running: str) -> None:
    """What the page says of the three bundles, and what root says to whoever asks all the same."""
    page = anna.page("/updates")
    assert f"System {running}" in page
    assert re.findall(r'name="path" value="([^"]+[.]raucb)"', page) == [f"{STICK}/update.raucb"]
    for name, why in (("strange", "was not signed"), ("same", "runs already")):
        assert why in page
        path = f"{STICK}/{name}.raucb"
        assert why in anna.is_told("/updates/system/install", {"path": path}, page="/updates")
    told = anna.is_told("/updates/system/install", {"path": "/etc/passwd"}, page="/updates")
    assert "on no stick" in told


def _is_installed(anna: Resident) -> bool:
    page = anna.page("/updates")
    assert "could not be installed" not in page, page
    assert "broken off" not in page, page
    return "Restart now" in page


def _stick(stage: Path, system: Path, running: str) -> Path:
    """A USB stick with three bundles: the built system under a newer version and something under its own, both signed by this house's
    key, and a stranger's.
    """
    content = stage / "stick"
    content.mkdir()
    small = stage / "small.ext4"
    small.write_bytes(os.urandom(1 << 20))  # RAUC takes no bundle that packs to nothing
    ours, strangers = (
        keys.development(folder) for folder in (CHECKOUT / "build" / "keys", stage / "keys-of-a-stranger")
    )
    for name, what, version, pair in (
        ("update", system, NEWER, ours),
        ("same", small, running, ours),
        ("strange", small, NEWER, strangers),
    ):
        target = content / f"{name}.raucb"
        bundle.pack(bundle.Wish(board="pc", version=version, system=what, pair=pair, target=target))
    file = stage / "stick.img"
    bundles = sorted(content.iterdir())
    megabytes = sum(each.stat().st_size for each in bundles) * 11 // 10 >> 20
    with file.open("wb") as out:
        out.truncate((megabytes + 64) << 20)
    subprocess.run(["mkfs.vfat", "-F", "32", "-n", LABEL, str(file)], check=True, capture_output=True)
    subprocess.run(["mcopy", "-i", str(file), *map(str, bundles), "::/"], check=True)
    return file


def _counters_in_guest(machine: Machine) -> dict[str, str]:
    lines = machine.shell.ask("grub-editenv /efi/grub/grubenv list").splitlines()
    return dict(line.split("=", 1) for line in lines)


def machine_seconds(machine: Machine) -> float:
    """Seconds since the plug."""
    return time.monotonic() - machine.began
