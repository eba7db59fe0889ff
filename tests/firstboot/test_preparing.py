"""From a read-only root to a box with its state mounted."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import StorageError
from provisioning.box.places import Places
from provisioning.firstboot import clock, preparing, wiping
from provisioning.firstboot.disk import Disk
from provisioning.firstboot.table import DATA_TYPE
from tests.fakes.kernel_disks import disk
from tests.fakes.programs import Programs

FLASHED = disk(16_384, {"esp": (1, 512), "root_a": (513, 2048)})
WHOLE = disk(16_384, {"esp": (1, 512), "root_a": (513, 2048), "root_b": (2561, 2048), "data": (4609, 11_774)})
MOUNT_DATA = "mount -t ext4"


@pytest.fixture(autouse=True)
def no_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The real clock is left alone."""
    set_to: list[float] = []
    monkeypatch.setattr(clock, "set_system_clock", set_to.append)
    return iter([set_to])


def prepare(places: Places, programs: Programs, *looks: Disk) -> list[str]:
    """Does it, and gives what was said on the screen."""
    seen = iter(looks)
    said: list[str] = []
    types = {"sda1": "ESP", "sda2": "ROOT", "sda3": "ROOT", "sda4": DATA_TYPE}
    rows = [{"node": f"/dev/{device}", "type": kind} for device, kind in types.items()]
    programs.says("sfdisk --json", json.dumps({"partitiontable": {"partitions": rows}}))
    preparing.prepare(places, programs, said.append, lambda: next(seen))
    return said


def test_a_fresh_medium_gets_its_partitions_before_anything_is_mounted(
    places: Places, programs: Programs
) -> None:
    prepare(places, programs, FLASHED, WHOLE)
    lines = [" ".join(call) for call in programs.calls]
    repart = next(index for index, line in enumerate(lines) if line.startswith("systemd-repart"))
    mounted = next(index for index, line in enumerate(lines) if line.startswith(MOUNT_DATA))
    assert repart < mounted
    assert "Label=root_b" in (places.run / "repart.d" / "30-root_b.conf").read_text()
    assert (places.run / "disk" / "data").readlink().name == "sda4"


def test_two_media_with_the_same_image_are_told_apart(places: Places, programs: Programs) -> None:
    for _ in range(2):
        prepare(places, programs, FLASHED, WHOLE)
    drawn = [call for call in programs.calls if "--part-uuid" in call]
    assert [call[-3:-1] for call in drawn] == [("/dev/sda", "2")] * 2
    assert len({str(uuid.UUID(call[-1])) for call in drawn}) == 2


def test_a_medium_that_grows_keeps_its_identity(places: Places, programs: Programs) -> None:
    larger = disk(
        32_768, {"esp": (1, 512), "root_a": (513, 2048), "root_b": (2561, 2048), "data": (4609, 11_774)}
    )
    prepare(places, programs, larger, WHOLE)
    assert programs.called("systemd-repart")
    assert not programs.called("sfdisk --quiet")


def test_the_second_start_makes_nothing(places: Places, programs: Programs) -> None:
    prepare(places, programs, WHOLE)
    assert not programs.called("systemd-repart")
    assert not programs.called("mke2fs")
    assert programs.called(MOUNT_DATA)


def test_what_cannot_be_mended_gently_is_mended_thoroughly(places: Places, programs: Programs) -> None:
    programs.fails("e2fsck -p")
    prepare(places, programs, WHOLE)
    assert programs.called("e2fsck -f -y")
    assert programs.called(MOUNT_DATA)


def test_what_cannot_be_read_at_all_is_not_formatted(places: Places, programs: Programs) -> None:
    programs.fails("e2fsck")
    with pytest.raises(StorageError, match="RESET"):
        prepare(places, programs, WHOLE)
    assert not programs.called("mke2fs")


def test_a_boot_partition_that_cannot_be_checked_does_not_stop_the_box(
    places: Places, programs: Programs
) -> None:
    programs.fails("fsck.fat")
    prepare(places, programs, WHOLE)
    assert programs.called("mount -t vfat")


@pytest.mark.parametrize("how", ["RESET", "RESET.txt", "command line"])
def test_a_reset_wipes_first_and_forgets_the_order_last(
    places: Places, programs: Programs, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "command line":
        (places.root / "proc/cmdline").write_text("rauc.slot=A nisse.wipe=1\n")
    else:
        (places.esp / how).write_text("")
    (places.esp / "SETUP-CODE.txt").write_text("old code")
    (places.esp / "grub/identity").write_text("old id")
    wiped: list[bool] = []
    blanked: list[Path] = []

    def wipe(*_: object) -> None:
        assert preparing.wants_reset(places)
        wiped.append(True)

    def blank(folder: Path) -> None:
        assert preparing.wants_reset(places)
        assert not (folder / "SETUP-CODE.txt").exists()
        blanked.append(folder)

    monkeypatch.setattr(wiping, "wipe", wipe)
    monkeypatch.setattr(wiping, "blank", blank)
    said = prepare(places, programs, WHOLE)
    assert wiped
    assert blanked == [places.esp]
    assert "as new" in said[-1]
    assert how == "command line" or not preparing.wants_reset(places)
    assert not (places.esp / "SETUP-CODE.txt").exists()
    assert not (places.esp / "grub/identity").exists()


@pytest.fixture
def no_wiping(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no partition to wipe."""
    monkeypatch.setattr(wiping, "wipe", lambda *_: None)


@pytest.mark.parametrize("name", ["RESET", "RESET.txt"])
def test_a_folder_that_bears_the_name_asks_for_nothing(places: Places, programs: Programs, name: str) -> None:
    (places.esp / name).mkdir()
    assert not preparing.wants_reset(places)
    prepare(places, programs, WHOLE)
    assert not programs.called("mke2fs")


@pytest.mark.parametrize("name", ["RESET", "SETUP-CODE.txt", "nisse.toml"])
@pytest.mark.usefixtures("no_wiping")
def test_no_folder_keeps_a_reset_from_its_end(places: Places, programs: Programs, name: str) -> None:
    (places.esp / name).mkdir()
    (places.esp / "RESET.txt").write_text("")
    prepare(places, programs, WHOLE)
    assert not preparing.wants_reset(places)


@pytest.mark.usefixtures("no_wiping")
def test_a_reset_overwrites_presets_that_nobody_could_read_and_keeps_those_for_the_new_house(
    places: Places, programs: Programs
) -> None:
    old, new = places.esp / "nisse.toml", places.esp / "rpi-preseed.toml"
    old.write_text("[wifi]\npassword = \"the old house's\n")
    new.write_text('[wlan]\nssid = "Home"\npassword = "the new house\'s"\n')
    (places.esp / "RESET").write_text("")
    with old.open("rb") as still:
        prepare(places, programs, WHOLE)
        assert not still.read().strip(b"\0")
    assert not old.exists()
    assert "new house" in new.read_text()


def test_a_reset_that_is_cut_off_begins_again_at_the_next_start(
    places: Places, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    (places.esp / "RESET").write_text("")

    def power_cut(*_: object) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(wiping, "wipe", power_cut)
    with pytest.raises(OSError, match="power cut"):
        prepare(places, programs, WHOLE)
    assert preparing.wants_reset(places)
    assert not programs.called(MOUNT_DATA)


def test_the_journal_is_the_slots_own_and_the_network_is_shared(places: Places, programs: Programs) -> None:
    (places.root / "proc/cmdline").write_text("rauc.slot=B\n")
    prepare(places, programs, WHOLE)
    bound = {line.split()[2].removeprefix(str(places.root)) for line in programs.called("mount --bind")}
    assert bound == {"/data/slots/b/journal", "/data/shared/systemd", "/data/shared/NetworkManager"}
