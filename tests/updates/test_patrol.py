"""The patrol: a card that loses bits is noticed, and what is damaged serves no longer if there is something whole to go back to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.models.catalogue import Model
from agent.models.shelf import Shelf
from provisioning.updates.patrol import Patrol
from tests.release.publishing import Publisher
from tests.updates.household import Household, furnish, new_file, put


@pytest.fixture
def house(tmp_path: Path) -> Household:
    """A house in which an update was committed."""
    publisher = Publisher(tmp_path / "repository")
    seq = publisher.add(new_file(tmp_path / "made", "better"), name="better", title="Better").seq
    old = put(tmp_path / "models", "old", seed=1)
    found = furnish(tmp_path / "models", old, root=publisher.root, urls=[publisher.url])
    found.owner.check()
    found.until("offered")
    found.owner.install(seq)
    found.until("probation")
    found.brain.answers_a_look = 30
    found.until("idle")
    assert found.serves == "better"
    return found


def shelf_of(house: Household) -> Shelf:
    """Its shelf."""
    return house.machine.parts.shelf


def model_of(house: Household, *, active: bool = True) -> Model:
    """The chat model that serves, or the one before."""
    sets = house.machine.parts.sets
    one = sets.active() if active else sets.previous()
    assert one
    assert one.chat
    return one.chat


def rot(house: Household, model: Model) -> None:
    """Flips a bit as a card does: nobody wrote."""
    path = shelf_of(house).path(model)
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def patrolled(house: Household) -> bool:
    """One round."""
    return Patrol(house.machine.parts.sets, shelf_of(house), house.owner.lost, rest=0).round()


def test_a_round_over_sound_files_changes_nothing(house: Household) -> None:
    assert patrolled(house)
    assert not house.machine.record.busy
    assert house.serves == "better"


def test_lost_bits_lead_back_to_the_model_before_and_the_owner_hears_of_it(house: Household) -> None:
    damaged = model_of(house)
    rot(house, damaged)
    assert shelf_of(house).installed(damaged)  # nothing else can tell
    assert patrolled(house)
    house.until("idle")
    assert house.serves == "old"
    assert not shelf_of(house).installed(damaged)
    [letter] = [letter for letter in house.machine.parts.book.letters() if "lost" in letter.text]
    assert "lost what was written" in letter.text


def test_what_cannot_be_replaced_is_left_to_serve(house: Household) -> None:
    for active in (True, False):
        rot(house, model_of(house, active=active))
    assert patrolled(house)
    assert not house.machine.record.busy
    assert shelf_of(house).installed(model_of(house))


def test_a_model_before_that_is_damaged_changes_nothing(house: Household) -> None:
    rot(house, model_of(house, active=False))
    assert patrolled(house)
    assert house.serves == "better"


def test_while_an_update_is_under_way_it_waits(house: Household) -> None:
    damaged = model_of(house)
    rot(house, damaged)
    house.owner.back()
    assert not patrolled(house)
    assert shelf_of(house).installed(damaged)


def test_it_ends_in_the_midst_of_a_round(house: Household) -> None:
    patrol = Patrol(house.machine.parts.sets, shelf_of(house), house.owner.lost, rest=3600)
    patrol._leaving.set()
    patrol.start()
    patrol.close()
    assert not patrol._thread.is_alive()
