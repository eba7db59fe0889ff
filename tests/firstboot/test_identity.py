"""The box's own number and name."""

from __future__ import annotations

import pytest

from agent.errors import StorageError
from provisioning.box.places import Places
from provisioning.firstboot import identity

from .conftest import MACHINE_ID

OTHER = "f" * 32


def test_the_first_starts_id_is_kept_and_told_to_the_loader(places: Places) -> None:
    identity.keep_machine_id(places)
    block = (places.esp / "grub/identity").read_text()
    assert len(block) == 1024
    assert block.startswith(f"# GRUB Environment Block\nmachine_id={MACHINE_ID}\n#")
    assert identity.machine_id(places) == MACHINE_ID


def test_a_later_start_with_another_id_changes_nothing_and_mends_the_loaders_file(places: Places) -> None:
    identity.keep_machine_id(places)
    (places.root / "etc/machine-id").write_text(f"{OTHER}\n")
    (places.esp / "grub/identity").write_bytes(b"\x00" * 1024)
    identity.keep_machine_id(places)
    assert identity.machine_id(places) == MACHINE_ID
    assert MACHINE_ID in (places.esp / "grub/identity").read_text()


def test_journals_under_other_ids_are_removed_and_nothing_else(places: Places) -> None:
    journal = places.root / "var/log/journal"
    for name in (MACHINE_ID, OTHER, "remote"):
        (journal / name).mkdir(parents=True)
    identity.keep_machine_id(places)
    assert {folder.name for folder in journal.iterdir()} == {MACHINE_ID, "remote"}


def test_without_an_id_it_says_so(places: Places) -> None:
    (places.root / "etc/machine-id").write_text("")
    with pytest.raises(StorageError, match="no machine id"):
        identity.keep_machine_id(places)


def test_the_name_is_the_one_chosen_else_nisse(places: Places) -> None:
    given: list[str] = []
    identity.set_name(places, given.append)
    identity.keep_name(places, "attic")
    identity.set_name(places, given.append)
    (places.shared / "hostname").write_text("rm -rf /\n")
    identity.set_name(places, given.append)
    assert given == ["nisse", "attic", "nisse"]


@pytest.fixture
def foreign(places: Places) -> Places:
    """The house on somebody else's system."""
    (places.esp / "grub").rmdir()
    places.esp.rmdir()
    return places


def test_somebody_elses_system_keeps_its_name(foreign: Places) -> None:
    given: list[str] = []
    identity.set_name(foreign, given.append)
    assert given == []


def test_somebody_elses_system_keeps_its_journals(foreign: Places) -> None:
    journal = foreign.root / "var/log/journal"
    for name in (MACHINE_ID, OTHER):
        (journal / name).mkdir(parents=True)
    identity.keep_machine_id(foreign)
    assert identity.machine_id(foreign) == MACHINE_ID
    assert {folder.name for folder in journal.iterdir()} == {MACHINE_ID, OTHER}
