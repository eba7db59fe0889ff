"""Updates that do not go as they should: restarts, what was taken back, embedders, a second process."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ConflictError, UnreachableError
from agent.models.catalogue import Model
from provisioning.updates.judging import Shown
from tests.release.publishing import Publisher
from tests.source_tree import CHECKOUT
from tests.updates.household import Household, new_file
from tests.updates.updating import a_house, again, offered, publish_embedder, publish_model


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "repository")


@pytest.fixture
def house(tmp_path: Path, publisher: Publisher) -> Household:
    return a_house(tmp_path, publisher)


def test_a_release_that_was_taken_back_is_left_by_itself(tmp_path: Path, publisher: Publisher) -> None:
    house = a_house(tmp_path, publisher, policy="automatic")
    house.brain.answers_a_look = 30
    seq = publish_model(tmp_path, publisher)
    house.owner.check()
    house.until("gc")
    house.until("idle")
    publisher.yank(seq)
    house.owner.check()
    house.until("rollback")
    house.until("idle")
    assert house.serves == "old"
    assert house.machine.parts.book.history()[0].reason == "yanked"


def test_a_reboot_in_the_midst_goes_on_where_it_was(
    tmp_path: Path, publisher: Publisher, house: Household
) -> None:
    seq = publish_model(tmp_path, publisher)
    offered(house).owner.install(seq)
    house.until("probation")
    for number in range(2):
        house = again(house, publisher, boot=f"boot {number}")
        house.step()
        assert house.machine.record.state == "probation"
        assert house.serves == "new"
    house = again(house, publisher, boot="the third")
    house.until("idle")
    assert house.serves == "old"
    assert house.machine.parts.bad.entries()[0].reason == "restarts"


def test_a_trial_that_kills_the_box_each_time_is_given_up(
    tmp_path: Path, publisher: Publisher, house: Household
) -> None:
    seq = publish_model(tmp_path, publisher)
    offered(house).owner.install(seq)
    house.until("trial")
    for _ in range(2):
        house = again(house, publisher)
        house.machine._begin()
        assert house.machine.record.state == "trial"
    house = again(house, publisher)
    house.until("idle")
    assert house.brain.tried == []
    assert house.machine.parts.bad.entries()[0].reason == "interrupted"


def test_an_embedder_serves_once_its_index_is_ready(
    tmp_path: Path, publisher: Publisher, house: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioning.updates.steps._LOOK_S", 0.0)
    seq = publish_embedder(tmp_path, publisher)
    near = {"near": 0.9, "far": 0.1, "length": 1.0, "tokens": 3, "seconds": 0.1}
    house.brain.shows["vectors"] = Shown(ended="well", dimensions=384, answers=(near,))
    house.recall.states = [("preparing", 0, 9), ("preparing", 5, 9), ("ready", 9, 9)]
    offered(house).owner.install(seq)
    house.until("probation")
    house.step()
    active = house.machine.parts.sets.active()
    assert active
    assert active.embed
    assert active.embed.name == "vectors"
    assert active.chat
    assert active.chat.name == "old"
    house.brain.answers_a_look = 30
    house.until("idle")


def test_an_index_that_cannot_be_made_leaves_the_old_embedder(
    tmp_path: Path, publisher: Publisher, house: Household
) -> None:
    seq = publish_embedder(tmp_path, publisher)
    near = {"near": 0.9, "far": 0.1, "length": 1.0, "tokens": 3, "seconds": 0.1}
    house.brain.shows["vectors"] = Shown(ended="well", dimensions=384, answers=(near,))
    house.recall.states = [("failed: The disk is full.", 3, 9)]
    offered(house).owner.install(seq)
    house.until("idle")
    assert house.recall.dropped == ["vectors"]
    assert house.machine.parts.bad.entries()[0].reason == "no_index"
    assert "The disk is full." in house.machine.parts.bad.entries()[0].sentence


def test_the_record_of_a_whole_update_stays_below_the_cap(
    tmp_path: Path, publisher: Publisher, house: Household
) -> None:
    from provisioning.updates import states

    written: list[states.Record] = []
    house.machine.parts = dataclasses.replace(house.machine.parts)
    house.machine.parts.book._wrote = written.append
    house.brain.answers_a_look = 30
    seq = publish_model(tmp_path, publisher)
    offered(house).owner.install(seq)
    house.until("gc")
    house.until("idle")
    assert 10 < len(written) <= states.MOST_WRITES


def test_a_download_that_does_not_get_on_makes_way_for_a_newer_release(
    tmp_path: Path, publisher: Publisher, house: Household
) -> None:
    first = publisher.add(new_file(tmp_path / "made", "first"), name="first")
    offered(house).owner.install(first.seq)
    for file in (publisher.folder / "targets" / "models" / str(first.seq)).glob("*.gguf"):
        file.unlink()
    house.until("downloading")
    house.step()
    assert house.machine.trouble.reason
    second = publish_model(tmp_path, publisher, "second")
    house.owner.check()
    house.until("offered")
    assert house.machine.record.seq == second
    assert list((house.folder / "incoming").glob("*")) == []


def test_a_second_process_leaves_the_first_its_updates(house: Household) -> None:
    house.step()
    claims = "import pathlib, sys; from provisioning.updates import book; book.Book(pathlib.Path(sys.argv[1])).claim()"
    command = [sys.executable, "-c", claims, str(house.machine.parts.book._folder)]
    second = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert ConflictError.__name__ in second.stderr


def test_a_candidate_that_takes_the_brain_along_each_time_is_given_up(
    tmp_path: Path, publisher: Publisher, house: Household
) -> None:
    died: list[str] = []
    plain = house.brain.trial

    def trial(model: Model, *more: Any) -> Shown:
        if model.name == "new":
            died.append(model.name)
            raise UnreachableError("The brain does not answer.")
        return plain(model, *more)

    house.brain.trial = trial  # type: ignore[assignment]
    seq = publish_model(tmp_path, publisher)
    offered(house).owner.install(seq)
    house.until("idle")
    assert len(died) == 3
    assert house.serves == "old"
    assert house.machine.parts.bad.entries()[0].reason == "interrupted"


def test_a_brain_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, publisher: Publisher, house: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    seq = publish_model(tmp_path, publisher)
    offered(house).owner.install(seq)
    house.until("trial")
    with monkeypatch.context() as away:
        away.setattr(house.brain, "seen", lambda: None)
        for _ in range(10):
            house.step()
        assert house.machine.record.state == "trial"
        assert house.machine.record.attempts == 1
    house.until("probation")
