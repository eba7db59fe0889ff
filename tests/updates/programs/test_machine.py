"""The way of a version of Nisse on a box: offered, fetched, handed to root, tried, kept or put back, told; with root's own real code."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ConflictError, NotFoundError
from provisioning.programs import installing
from provisioning.programs.choosing import Start
from provisioning.updates.programs.record import Program
from tests.release.publishing import Publisher, program_file
from tests.updates.programs.box import PYTHON, BoxWithPrograms


@pytest.fixture(autouse=True)
def _small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "KEEP_FREE", 0)


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "repository")


@pytest.fixture
def box(tmp_path: Path, publisher: Publisher) -> BoxWithPrograms:
    return BoxWithPrograms(tmp_path / "box", root=publisher.root, urls=[publisher.url])


def publish(publisher: Publisher, tmp_path: Path, version: str = "0.5.1", **told: Any) -> Program:
    file = program_file(tmp_path / "built", version, **{"python": PYTHON, **told})
    return publisher.add_program(file, notes="Answers sooner.")


def offer(box: BoxWithPrograms) -> None:
    box.check()
    box.until("offered")


def taken(box: BoxWithPrograms, version: str = "0.5.1") -> None:
    offer(box)
    box.owner.install(version)
    box.until("idle")


def outcomes(box: BoxWithPrograms) -> list[tuple[str, str, str]]:
    return [(each.outcome, each.version, each.reason) for each in box.machine.parts.book.history()]


def test_what_is_offered_waits_for_the_owners_word(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path
) -> None:
    publish(publisher, tmp_path)
    offer(box)
    for _ in range(3):
        box.step()
    assert str(box.machine.record.step) == "offered"
    assert box.machine.waits == "It waits for your word."
    assert box.running == "0.5.0"


def test_one_that_does_well_is_kept(box: BoxWithPrograms, publisher: Publisher, tmp_path: Path) -> None:
    publish(publisher, tmp_path)
    taken(box)
    assert box.running == "0.5.1"
    assert outcomes(box) == [("committed", "0.5.1", "committed")]
    assert box.letters.letters() == []
    assert list((box.updates / "programs" / "blobs" / "sha256").iterdir()) == []  # root has its own copy
    box.step()
    assert str(box.machine.record.step) == "idle"  # it is not offered once more


def test_with_the_owners_leave_it_comes_by_itself(tmp_path: Path, publisher: Publisher) -> None:
    publish(publisher, tmp_path)
    box = BoxWithPrograms(tmp_path / "box", root=publisher.root, urls=[publisher.url], policy="automatic")
    box.check()
    box.until("reported")
    assert box.running == "0.5.1"


def test_one_that_is_never_well_is_put_back_told_and_not_offered_again(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path
) -> None:
    publish(publisher, tmp_path)
    box.well = False
    taken(box)
    assert box.running == "0.5.0"
    assert outcomes(box) == [("rolled_back", "0.5.1", "not_well")]
    [letter] = box.letters.letters()
    assert "Version 0.5.1 of Nisse was not kept" in letter.text
    assert "did not work well in time" in letter.text
    [bad] = box.machine.parts.book.bad.entries()
    box.check()
    box.step()
    assert str(box.machine.record.step) == "idle"
    box.well = True
    box.owner.forgive(bad.sha256)
    taken(box)
    assert box.running == "0.5.1"


def test_one_that_breaks_down_a_day_later_is_told_too(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path
) -> None:
    publish(publisher, tmp_path)
    taken(box)
    for _ in range(3):
        box.restart(Start(failed=True))
    assert box.running == "0.5.0"
    box.step()
    assert outcomes(box)[0] == ("rolled_back", "0.5.1", "crashed")
    assert len(box.letters.letters()) == 1
    box.process()  # told once, also after a restart
    box.step()
    assert len(outcomes(box)) == 2


def test_the_owner_goes_back_and_forward_again(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path
) -> None:
    publish(publisher, tmp_path)
    taken(box)
    assert box.owner.back_to() == "0.5.0"
    box.owner.back()
    box.step()
    assert box.running == "0.5.0"
    assert outcomes(box)[0][:2] == ("went_back", "0.5.1")
    assert box.letters.letters() == []
    with pytest.raises(ConflictError, match="came with the system"):
        box.owner.back()
    box.check()
    box.step()
    assert str(box.machine.record.step) == "idle"  # not by itself
    [entry] = box.machine.parts.book.bad.entries()
    assert entry.reason == "went_back"
    box.owner.forgive(entry.sha256)
    taken(box)
    assert box.running == "0.5.1"


def test_under_a_system_that_brought_a_version_as_new_there_is_nothing_to_go_back_to(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path
) -> None:
    publish(publisher, tmp_path)
    taken(box)
    facts = box.places.run / "program.json"
    facts.write_text(json.dumps({"base": {"version": "0.6.0"}, "running": None}))
    assert box.owner.back_to() == ""
    assert "came with the system" in box.owner.why_not_back()


def test_what_is_declined_is_not_offered_again(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path
) -> None:
    publish(publisher, tmp_path)
    offer(box)
    box.owner.decline("0.5.1")
    for _ in range(3):
        box.step()
    assert str(box.machine.record.step) == "idle"
    publish(publisher, tmp_path, "0.5.2")
    offer(box)
    assert box.machine.record.version == "0.5.2"


def test_a_download_is_stopped_and_goes_on_at_the_owners_word(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path
) -> None:
    publish(publisher, tmp_path)
    offer(box)
    box.owner.install("0.5.1")
    box.until("downloading")
    box.owner.stop()
    for _ in range(3):
        box.step()
    assert str(box.machine.record.step) == "downloading"
    assert "You stopped it" in box.machine.trouble.sentence
    box.owner.install("0.5.1")
    box.until("idle")
    assert box.running == "0.5.1"


def test_a_newer_one_takes_the_place_of_what_is_offered(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path
) -> None:
    publish(publisher, tmp_path)
    offer(box)
    publish(publisher, tmp_path, "0.6.0")
    box.check()
    box.step()
    assert box.machine.record.version == "0.6.0"
    with pytest.raises(NotFoundError):
        box.owner.install("0.5.1")


def test_one_that_is_taken_back_in_the_midst_is_not_handed_over(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path
) -> None:
    from provisioning.release import programs

    publish(publisher, tmp_path)
    offer(box)
    box.owner.install("0.5.1")
    box.until("verified")
    programs.yank(publisher.repository, "0.5.1", "It loses letters.", publisher.keys)
    box.check()
    box.until("idle")
    assert "program-install" not in box.asked
    assert box.running == "0.5.0"


def test_root_that_does_not_answer_is_asked_again(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path
) -> None:
    publish(publisher, tmp_path)
    offer(box)
    box.owner.install("0.5.1")
    box.until("handed")
    box.silent = True
    for _ in range(20):
        box.step()
        assert box.machine.record.step in ("handed", "verified")
    assert box.machine.record.handed == 0
    box.silent = False
    box.until("idle")
    assert box.running == "0.5.1"


def test_lists_that_root_finds_too_old_are_no_fault_and_keep_no_model_waiting(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path
) -> None:
    publish(publisher, tmp_path)
    offer(box)
    box.owner.install("0.5.1")
    box.until("handed")
    box.ahead = 40 * 86_400.0
    for _ in range(20):
        box.step()
        if box.machine.trouble.reason == "stale":
            break
    assert box.machine.trouble.reason == "stale"
    assert str(box.machine.record.step) == "verified"
    assert box.lane.program_on_trial() == ""
    box.ahead = 0.0
    box.until("idle")
    assert box.running == "0.5.1"


def test_a_stopped_download_makes_way_for_a_newer_version(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path
) -> None:
    publish(publisher, tmp_path)
    offer(box)
    box.owner.install("0.5.1")
    box.until("downloading")
    box.owner.stop()
    box.step()
    publish(publisher, tmp_path, "0.5.2")
    box.check()
    box.until("offered")
    assert box.machine.record.version == "0.5.2"


def test_a_file_that_the_disk_loses_on_the_way_to_root_is_refused_and_fetched_again_later(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path
) -> None:
    made = publish(publisher, tmp_path)
    offer(box)
    box.owner.install("0.5.1")
    box.until("handed")
    blob = box.machine.parts.store.path(made)
    facts = blob.stat()
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    blob.chmod(0o444)
    os.utime(blob, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    box.until("idle")
    assert box.running == "0.5.0"
    assert outcomes(box) == [("refused", "0.5.1", "wrong_hash")]
    assert box.machine.parts.book.bad.entries() == []
    box.until("offered")
    box.step()
    assert box.machine.record.rest_until > box.now()
    box.owner.install("0.5.1")
    box.until("idle")
    assert box.running == "0.5.1"


def test_while_a_model_is_tried_nothing_is_handed_over(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path
) -> None:
    publish(publisher, tmp_path)
    offer(box)
    box.lane.model_on_trial = lambda: "A new model is being tried."
    box.owner.install("0.5.1")
    box.until("verified")
    for _ in range(3):
        box.step()
    assert str(box.machine.record.step) == "verified"
    assert box.machine.trouble.sentence == "A new model is being tried."
    box.lane.model_on_trial = lambda: ""
    box.until("idle")
    assert box.running == "0.5.1"


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"needs_system": "0.6"}, "Version 0.7.0: This version of Nisse needs a newer system"),
        ({"python": "3.14"}, "Version 0.7.0: This version of Nisse needs another Python"),
        ({"reads": "0.6"}, "Version 0.7.0: This version of Nisse cannot read"),
        ({"readable_by": "0.6"}, "Version 0.7.0: This box could not go back"),
        ({"architecture": "arm64"}, ""),
    ],
)
def test_what_is_none_for_this_box_is_said_and_not_offered(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path, told: dict[str, str], sentence: str
) -> None:
    publish(publisher, tmp_path, "0.7.0", **told)
    box.check()
    box.step()
    assert str(box.machine.record.step) == "idle"
    assert box.machine.not_this.startswith(sentence)
    assert bool(box.machine.not_this) == bool(sentence)


def test_a_new_version_is_left_to_others_for_a_day_unless_the_owner_asks(
    tmp_path: Path, publisher: Publisher
) -> None:
    publish(publisher, tmp_path)
    box = BoxWithPrograms(
        tmp_path / "box",
        root=publisher.root,
        urls=[publisher.url],
        policy="automatic",
        delay=timedelta(days=1),
    )
    offer(box)
    box.step()
    assert box.machine.waits.startswith("This version of Nisse is new")
    box.owner.install("0.5.1")
    box.until("idle")
    assert box.running == "0.5.1"


def test_chunks_that_root_has_already_are_not_fetched(
    box: BoxWithPrograms, publisher: Publisher, tmp_path: Path
) -> None:
    first = program_file(tmp_path / "built", "0.5.1", size=4_000_000, python=PYTHON)
    publisher.add_program(first)
    taken(box)
    second = program_file(tmp_path / "built", "0.5.2", size=4_000_000, python=PYTHON)
    second.write_bytes(first.read_bytes()[:-1000] + b"!" * 1000)
    made = publisher.add_program(second)
    offer(box)
    box.machine.parts.store.reserve(made)
    received = box.machine.parts.store.download(made, lambda _done, _total: None, lambda: "")
    assert received < 0.6 * made.size
