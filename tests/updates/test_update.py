"""An update from the first look to the last, in a house whose brain does as it is told: what is kept, what is put back, who decides."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ConflictError, NotFoundError, UnreachableError
from agent.models.catalogue import Model
from provisioning.updates import view
from provisioning.updates.judging import Shown
from tests.release.publishing import Publisher
from tests.updates.household import WELL, Household, furnish, new_file, own_model, put

WAY = ["checked", "offered", "reserved", "downloading", "verified", "staged", "trial", "probation", "committed", "gc", "idle"]  # fmt: skip


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "repository")


@pytest.fixture
def house(tmp_path: Path, publisher: Publisher) -> Household:
    return _house(tmp_path, publisher)


def _house(tmp_path: Path, publisher: Publisher, policy: str = "ask", **more: Any) -> Household:
    folder = tmp_path / "models"
    old = put(folder, "old", seed=1)
    return furnish(folder, old, root=publisher.root, urls=[publisher.url], policy=policy, **more)


def _again(house: Household, publisher: Publisher, boot: str = "first") -> Household:
    """The house after a restart."""
    old = house.brain.supply._own.models[0]
    fresh = furnish(house.folder, old, root=publisher.root, urls=[publisher.url], boot=boot)
    fresh.brain.crashes = dict(house.brain.crashes)
    return fresh


def _publish(tmp_path: Path, publisher: Publisher, name: str = "new", **told: Any) -> int:
    return publisher.add(new_file(tmp_path / "made", name), name=name, title=name.title(), **told).seq


def _publish_embedder(tmp_path: Path, publisher: Publisher) -> int:
    tmp_path.joinpath("vectors.onnx").write_bytes(b"\x08\x07 an embedder's file" * 5000)
    about: dict[str, Any] = {
        "name": "vectors",
        "title": "Vectors",
        "licence": "CC0-1.0",
        "memory": 90,
        "context": 256,
        "quantisation": "F32",
        "parameters": 22,
        "probes": [{"prompt": "a cat", "near": "a kitten", "far": "the law of taxes"}],
        "limits": {"embed_dim": 384},
    }
    return publisher.add(tmp_path / "vectors.onnx", role="embed", **about).seq


def _offered(house: Household) -> Household:
    house.owner.check()
    house.until("offered")
    return house


def test_a_model_is_offered_installed_at_the_owners_word_and_kept(
    tmp_path: Path, publisher: Publisher, house: Household
) -> None:
    seq = _publish(tmp_path, publisher, notes="It knows more.")
    _offered(house)
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
    house = _house(tmp_path, publisher, policy="automatic")
    house.brain.answers_a_look = 30
    _publish(tmp_path, publisher)
    house.owner.check()
    house.until("gc")
    assert house.serves == "new"


def test_never_means_that_nobody_even_looks(tmp_path: Path, publisher: Publisher) -> None:
    house = _house(tmp_path, publisher, policy="never")
    _publish(tmp_path, publisher, rollout={"critical": True})
    house.machine.looking._due = 0.001
    for _ in range(5):
        house.step()
    assert house.machine.record.state == "idle"
    assert house.machine.looking.at is None


def test_the_owner_goes_back_and_forward_again(
    tmp_path: Path, publisher: Publisher, house: Household
) -> None:
    house.brain.answers_a_look = 30
    seq = _publish(tmp_path, publisher)
    _offered(house).owner.install(seq)
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
    seq = _publish(tmp_path, publisher)
    _offered(house).owner.install(seq)
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
    seq = _publish(tmp_path, publisher)
    house.brain.shows["new"] = shown
    _offered(house).owner.install(seq)
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
    seq = _publish(tmp_path, publisher)
    _offered(house).owner.install(seq)
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
    seq = _publish(tmp_path, publisher)
    house.brain.refuses.add("new")
    _offered(house).owner.install(seq)
    house.until("idle")
    assert house.serves == "old"
    assert house.machine.parts.bad.entries()[0].reason == "not_serving"
    active = house.machine.parts.sets.active()
    assert active
    assert active.origin == "house"


def test_three_bad_answers_put_it_back(tmp_path: Path, publisher: Publisher, house: Household) -> None:
    seq = _publish(tmp_path, publisher)
    _offered(house).owner.install(seq)
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
    seq = _publish(tmp_path, publisher)
    _offered(house).owner.decline(seq)
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
    house = _house(tmp_path, publisher, policy="automatic", chat="old")
    seq = _publish(tmp_path, publisher)
    _offered(house)
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


def test_a_release_that_was_taken_back_is_left_by_itself(tmp_path: Path, publisher: Publisher) -> None:
    house = _house(tmp_path, publisher, policy="automatic")
    house.brain.answers_a_look = 30
    seq = _publish(tmp_path, publisher)
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
    seq = _publish(tmp_path, publisher)
    _offered(house).owner.install(seq)
    house.until("probation")
    for number in range(2):
        house = _again(house, publisher, boot=f"boot {number}")
        house.step()
        assert house.machine.record.state == "probation"
        assert house.serves == "new"
    house = _again(house, publisher, boot="the third")
    house.until("idle")
    assert house.serves == "old"
    assert house.machine.parts.bad.entries()[0].reason == "restarts"


def test_a_trial_that_kills_the_box_each_time_is_given_up(
    tmp_path: Path, publisher: Publisher, house: Household
) -> None:
    seq = _publish(tmp_path, publisher)
    _offered(house).owner.install(seq)
    house.until("trial")
    for _ in range(2):
        house = _again(house, publisher)
        house.machine._begin()
        assert house.machine.record.state == "trial"
    house = _again(house, publisher)
    house.until("idle")
    assert house.brain.tried == []
    assert house.machine.parts.bad.entries()[0].reason == "interrupted"


def test_an_embedder_serves_once_its_index_is_ready(
    tmp_path: Path, publisher: Publisher, house: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioning.updates.steps._LOOK_S", 0.0)
    seq = _publish_embedder(tmp_path, publisher)
    near = {"near": 0.9, "far": 0.1, "length": 1.0, "tokens": 3, "seconds": 0.1}
    house.brain.shows["vectors"] = Shown(ended="well", dimensions=384, answers=(near,))
    house.recall.states = [("preparing", 0, 9), ("preparing", 5, 9), ("ready", 9, 9)]
    _offered(house).owner.install(seq)
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
    seq = _publish_embedder(tmp_path, publisher)
    near = {"near": 0.9, "far": 0.1, "length": 1.0, "tokens": 3, "seconds": 0.1}
    house.brain.shows["vectors"] = Shown(ended="well", dimensions=384, answers=(near,))
    house.recall.states = [("failed: The disk is full.", 3, 9)]
    _offered(house).owner.install(seq)
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
    seq = _publish(tmp_path, publisher)
    _offered(house).owner.install(seq)
    house.until("gc")
    house.until("idle")
    assert 10 < len(written) <= states.MOST_WRITES


def test_a_download_that_does_not_get_on_makes_way_for_a_newer_release(
    tmp_path: Path, publisher: Publisher, house: Household
) -> None:
    first = publisher.add(new_file(tmp_path / "made", "first"), name="first")
    _offered(house).owner.install(first.seq)
    for file in (publisher.folder / "targets" / "models" / str(first.seq)).glob("*.gguf"):
        file.unlink()
    house.until("downloading")
    house.step()
    assert house.machine.trouble.reason
    second = _publish(tmp_path, publisher, "second")
    house.owner.check()
    house.until("offered")
    assert house.machine.record.seq == second
    assert list((house.folder / "incoming").glob("*")) == []


def test_a_second_process_leaves_the_first_its_updates(house: Household) -> None:
    import os

    house.step()
    child = os.fork()
    if child == 0:
        status = 9
        try:
            house.machine.parts.book._claimed = None
            house.machine.parts.book.claim()
        except ConflictError:
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


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
    seq = _publish(tmp_path, publisher)
    _offered(house).owner.install(seq)
    house.until("idle")
    assert len(died) == 3
    assert house.serves == "old"
    assert house.machine.parts.bad.entries()[0].reason == "interrupted"


def test_a_brain_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, publisher: Publisher, house: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    seq = _publish(tmp_path, publisher)
    _offered(house).owner.install(seq)
    house.until("trial")
    with monkeypatch.context() as away:
        away.setattr(house.brain, "seen", lambda: None)
        for _ in range(10):
            house.step()
        assert house.machine.record.state == "trial"
        assert house.machine.record.attempts == 1
    house.until("probation")
