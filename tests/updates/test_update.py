"""An update from the first look to the last, in a house whose brain does as it is told: what is kept, what is put back, who decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import ConflictError, NotFoundError
from provisioning.updates import view
from provisioning.updates.judging import Shown
from tests.release.publishing import Publisher
from tests.updates.household import WELL, Household, new_file, own_model
from tests.updates.updating import a_house, offered, publish_model

WAY = ["checked", "offered", "reserved", "downloading", "verified", "staged", "trial", "probation", "committed", "gc", "idle"]  # fmt: skip


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "repository")


@pytest.fixture
def house(tmp_path: Path, publisher: Publisher) -> Household:
    return a_house(tmp_path, publisher)


def test_a_model_is_offered_installed_at_the_owners_word_and_kept(
    tmp_path: Path, publisher: Publisher, house: Household
) -> None:
    seq = publish_model(tmp_path, publisher, notes="It knows more.")
    offered(house)
    told = view.told(house.machine, house.owner)
    assert told["offer"]["seq"] == seq
    assert told["offer"]["notes"] == "It knows more."
    assert told["offer"]["why_waits"] == "It waits for your word."
    assert told["offer"]["bytes"] > 600_000
    for _ in range(5):
        house.step()
    assert house.machine.record.state == "offered"
    assert house.serves == "old"

    house.owner.install(seq)
    house.until("probation")
    assert house.brain.tried == ["old", "new"]
    house.step()
    assert house.serves == "new"
    house.brain.answers_a_look = 30
    house.until("idle")
    assert house.steps == WAY
    assert view.told(house.machine, house.owner)["history"][0]["outcome"] == "committed"
    assert house.brain.unverified == []


def test_with_the_automatic_policy_nobody_need_say_a_word(tmp_path: Path, publisher: Publisher) -> None:
    house = a_house(tmp_path, publisher, policy="automatic")
    house.brain.answers_a_look = 30
    publish_model(tmp_path, publisher)
    house.owner.check()
    house.until("gc")
    assert house.serves == "new"


def test_never_means_that_nobody_even_looks(tmp_path: Path, publisher: Publisher) -> None:
    house = a_house(tmp_path, publisher, policy="never")
    publish_model(tmp_path, publisher, rollout={"critical": True})
    house.machine.looking._due = 0.001
    for _ in range(5):
        house.step()
    assert house.machine.record.state == "idle"
    assert house.machine.looking.at is None


def test_the_owner_goes_back_and_forward_again(
    tmp_path: Path, publisher: Publisher, house: Household
) -> None:
    house.brain.answers_a_look = 30
    seq = publish_model(tmp_path, publisher)
    offered(house).owner.install(seq)
    house.until("gc")
    house.until("idle")
    house.owner.back()
    house.until("idle")
    assert house.serves == "old"
    assert house.machine.parts.book.letters() == []  # he knows
    house.owner.check()
    for _ in range(5):
        house.step()
    assert house.machine.record.state == "idle"  # what he went away from is not offered the next day
    house.owner.back()
    house.until("idle")
    assert house.serves == "new"


def test_during_probation_the_owner_can_go_back_at_once(
    tmp_path: Path, publisher: Publisher, house: Household
) -> None:
    seq = publish_model(tmp_path, publisher)
    offered(house).owner.install(seq)
    house.until("probation")
    house.step()
    assert house.serves == "new"
    house.owner.back()
    house.until("idle")
    assert house.serves == "old"


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (Shown(ended="does_not_load", why="It is no model."), "does_not_load"),
        (Shown(ended="crashed", why="It ended with SIGSEGV."), "crashed"),
        (Shown(ended="hung"), "hung"),
        (Shown(ended="too_much_memory"), "memory_hungry"),
        (Shown(ended="well", answers=({**WELL, "text": "xyzzy"}, WELL)), "wrong_answer"),
        (Shown(ended="well", answers=({**WELL, "tokens": 5},) * 2), "slow_model"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_candidate_that_does_badly_is_never_put_in_force_and_the_owner_is_told(
    tmp_path: Path, publisher: Publisher, house: Household, shown: Shown, reason: str
) -> None:
    seq = publish_model(tmp_path, publisher)
    house.brain.shows["new"] = shown
    offered(house).owner.install(seq)
    house.until("idle")
    assert house.serves == "old"
    assert "probation" not in house.steps
    [letter] = house.machine.parts.book.letters()
    assert "New 1.0 was not kept" in letter.text
    [entry] = house.machine.parts.bad.entries()
    assert (entry.seq, entry.reason) == (seq, reason)
    assert not (house.folder / "new").exists()  # its room is free again
    assert list((house.folder / "incoming").glob("*")) == []
    house.owner.check()
    for _ in range(5):
        house.step()
    assert house.machine.record.state == "idle"  # nor is it tried again
    assert house.brain.tried.count("new") <= 2


def test_a_model_that_crashes_once_it_serves_is_put_back(
    tmp_path: Path, publisher: Publisher, house: Household
) -> None:
    seq = publish_model(tmp_path, publisher)
    offered(house).owner.install(seq)
    house.until("probation")
    house.step()
    house.brain.crashes["new"] = 2
    house.until("idle")
    assert house.serves == "old"
    assert house.machine.parts.bad.entries()[0].reason == "unstable"


def test_a_model_that_does_not_begin_to_answer_is_put_back(
    tmp_path: Path, publisher: Publisher, house: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioning.updates.probation.SERVES_WITHIN_S", -1.0)
    seq = publish_model(tmp_path, publisher)
    house.brain.refuses.add("new")
    offered(house).owner.install(seq)
    house.until("idle")
    assert house.serves == "old"
    assert house.machine.parts.bad.entries()[0].reason == "not_serving"
    active = house.machine.parts.sets.active()
    assert active
    assert active.origin == "house"


def test_three_bad_answers_put_it_back(tmp_path: Path, publisher: Publisher, house: Household) -> None:
    seq = publish_model(tmp_path, publisher)
    offered(house).owner.install(seq)
    house.until("probation")
    for _ in range(3):
        assert house.machine.record.state == "probation"
        house.owner.complain()
        house.step()
    house.until("idle")
    assert house.machine.parts.bad.entries()[0].reason == "complaints"


def test_what_was_declined_is_not_offered_again_until_it_is_forgiven(
    tmp_path: Path, publisher: Publisher, house: Household
) -> None:
    seq = publish_model(tmp_path, publisher)
    offered(house).owner.decline(seq)
    house.until("idle")
    house.owner.check()
    for _ in range(5):
        house.step()
    assert house.machine.record.state == "idle"
    house.owner.forgive(house.machine.parts.bad.hashes())
    house.until("offered")


def test_a_model_that_the_owner_brought_is_tried_like_any_other(tmp_path: Path, house: Household) -> None:
    from provisioning.updates.service import unsigned

    model = own_model(new_file(tmp_path / "stick", "mine"), "mine")
    blobs = house.machine.parts.store.blobs  # type: ignore[attr-defined]
    blobs.incoming.mkdir(parents=True)
    part = blobs.part(model.files[0].sha256)
    part.write_bytes((tmp_path / "stick" / "mine.gguf").read_bytes())
    blobs.promote(model.files[0].sha256)
    with pytest.raises(ConflictError):
        house.owner.bring(unsigned(model))  # it does not know yet where the last process was
    house.step()
    house.owner.bring(unsigned(model))
    house.until("probation")
    house.step()
    assert house.serves == "mine"
    active = house.machine.parts.sets.active()
    assert active
    assert active.origin == "unsigned"
    with pytest.raises(ConflictError):
        house.owner.bring(unsigned(model))


def test_whoever_named_a_model_in_the_settings_is_obeyed(tmp_path: Path, publisher: Publisher) -> None:
    house = a_house(tmp_path, publisher, policy="automatic", chat="old")
    seq = publish_model(tmp_path, publisher)
    offered(house)
    for _ in range(5):
        house.step()
    assert house.machine.record.state == "offered"
    assert "You named old" in view.told(house.machine, house.owner)["offer"]["why_waits"]
    with pytest.raises(ConflictError, match="The settings name the model old"):
        house.owner.install(seq)


def test_what_is_not_offered_cannot_be_installed(house: Household) -> None:
    house.step()
    with pytest.raises(NotFoundError):
        house.owner.install(7)
    with pytest.raises(ConflictError, match="no model to go back to"):
        house.owner.back()


@pytest.mark.parametrize("policy", ["ask", "automatic", "never"])
def test_a_house_that_has_nobody_to_ask_rests_between_its_looks(
    tmp_path: Path, publisher: Publisher, policy: str
) -> None:
    house = a_house(tmp_path, publisher, policy, source="")
    house.owner.check()
    house.step()
    assert house.machine._round() >= 1
