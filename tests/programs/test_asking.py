"""Updates asks root for a program: taken is only what its publishers signed for this box, whatever updates says and lays down."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import durable
from provisioning.box.places import Places
from provisioning.privileged import verbs
from provisioning.programs import installing, starting
from provisioning.programs.asking import TRIAL
from provisioning.programs.choosing import Start
from provisioning.programs.state import Candidate, Probation, Program, State
from provisioning.updates.metadata import Metadata
from tests.fakes.programs import Programs as System

from .asking_box import PYTHON, Box
from .conftest import BASE, program


def reason(said: dict[str, Any]) -> str:
    return str(said["error"].get("reason") or said["error"]["code"])


def test_what_was_signed_is_copied_whole_and_tried(box: Box, asked: dict[str, Any]) -> None:
    assert box.install(asked) == {"ok": True}
    candidate = box.book.read().candidate
    assert candidate
    file = box.book.file(candidate.program)
    assert starting.is_whole(file, candidate.program)
    assert file.stat().st_mode & 0o777 == 0o444
    assert box.system.called(f"systemctl --no-block restart {TRIAL}")
    assert starting.choose(box.places, BASE, Start, lambda: 1.0) == candidate.program


def test_asking_twice_does_it_once(box: Box, asked: dict[str, Any]) -> None:
    box.install(asked)
    before = box.book.read()
    assert box.install(asked) == {"ok": True}
    assert box.book.read() == before
    assert len(box.system.called("systemctl")) == 1


def test_while_one_is_tried_no_other_is_taken(box: Box, asked: dict[str, Any]) -> None:
    box.install(asked)
    said = box.install(box.fetch(box.publish("0.5.2")))
    assert said["error"]["code"] == "conflict"
    candidate = box.book.read().candidate
    assert candidate
    assert candidate.program.version == "0.5.1"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"architecture": "arm64"}, "other_machine"),
        ({"python": "3.99"}, "other_python"),
        ({"needs_system": "0.6.0"}, "old_system"),
        ({"readable_by": "0.5.1"}, "no_way_back"),
        ({"reads": "0.5.1"}, "too_far"),
        ({"version": "0.5.0"}, "old_program"),
    ],
)
def test_what_is_not_for_this_box_is_refused_with_its_reason(
    box: Box, told: dict[str, Any], why: str
) -> None:
    version = told.pop("version", "0.5.1")
    said = box.install(box.fetch(box.publish(version, **told)))
    assert reason(said) == why
    assert said["error"]["message"].endswith(".")
    assert not box.is_taken()


def test_none_older_than_was_ever_kept_is_taken_though_it_is_newer_than_what_runs(box: Box) -> None:
    box.book.write(State(committed_version="0.5.2"))
    assert reason(box.install(box.fetch(box.publish("0.5.1")))) == "below_floor"
    assert box.install(box.fetch(box.publish("0.5.2"))) == {"ok": True}, "forward again is no step back"


@pytest.mark.parametrize(
    ("against", "is_taken"), [("not_well", False), ("crashed", False), ("damaged", True)]
)
def test_what_did_not_do_well_here_is_not_taken_again_unless_the_owner_wants_it(
    box: Box, asked: dict[str, Any], against: str, is_taken: bool
) -> None:
    from provisioning.programs import choosing

    bad = program("0.5.1", sha256=asked["sha256"], size=asked["size"])
    box.book.write(choosing.dropped(State(candidate=Candidate(program=bad)), BASE, against, 1.0))
    said = box.install(asked)
    assert box.is_taken() == is_taken
    if not is_taken:
        assert reason(said) == "known_bad"
        assert box.install({**asked, "again": True}) == {"ok": True}


def test_a_yanked_one_is_not_taken(box: Box) -> None:
    from provisioning.release import programs as publishing

    signed = box.publish()
    box.fetch(signed)
    assert publishing.yank(box.publisher.repository, "0.5.1", "It forgets.", box.publisher.keys) == []
    assert reason(box.install(box.fetch(signed))) == "yanked"


def test_lists_that_have_ended_are_not_believed(box: Box, asked: dict[str, Any]) -> None:
    box.now += timedelta(days=3)
    assert reason(box.install(asked)) == "stale"
    box.now -= timedelta(days=20_000)
    assert reason(box.install(asked)) == "clock"
    assert not box.is_taken()


def one_byte_other(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def one_byte_less(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def one_byte_more(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


@pytest.mark.parametrize("change", [one_byte_other, one_byte_less, one_byte_more])
def test_a_file_that_is_another_is_told_and_leaves_nothing(
    box: Box, asked: dict[str, Any], change: Callable[[Path], None]
) -> None:
    """It is found out while it is copied, after the answer."""
    change(Path(asked["path"]))
    assert box.install(asked) == {"ok": True}
    last = box.book.read().last
    assert last
    assert (last.result, last.reason, last.to) == ("refused", "wrong_hash", "0.5.0")
    assert [path.name for path in box.places.programs.iterdir()] == ["state.json"]
    assert not box.is_taken()
    assert not box.system.calls


def test_without_room_nothing_is_begun(
    box: Box, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "KEEP_FREE", 1 << 60)
    box.install(asked)
    last = box.book.read().last
    assert last
    assert last.reason == "no_room"
    assert [path.name for path in box.places.programs.iterdir()] == ["state.json"]


def test_lists_from_before_are_not_believed_again(box: Box, asked: dict[str, Any]) -> None:
    """A robbed updates process shows root what was signed before the program was taken back."""
    from provisioning.release import programs as publishing

    old = box.folder / "old"
    shutil.copytree(box.updates / "tuf", old, symlinks=True)
    assert publishing.yank(box.publisher.repository, "0.5.1", "It forgets.", box.publisher.keys) == []
    Metadata(box.updates / "tuf", box.publisher.root, lambda: [box.publisher.url]).refresh()
    assert reason(box.install(asked)) == "yanked"
    shutil.rmtree(box.updates / "tuf")
    shutil.copytree(old, box.updates / "tuf", symlinks=True)
    (box.updates / "tuf" / "seen.json").unlink()
    assert "error" in box.install(asked)
    assert not box.is_taken()


def test_going_back_starts_the_house_with_the_one_before(box: Box, lay: Callable[[str], Program]) -> None:
    old, new = lay("0.5.1"), lay("0.5.2")
    box.book.write(State(current=new, previous=old, probation=Probation()))
    assert box.root.back({}) == {"to": "0.5.1"}
    assert box.system.called("systemctl --no-block restart nisse.service")
    assert starting.choose(box.places, BASE, Start, lambda: 1.0) == old
    assert box.root.back({}) == {"to": "0.5.0"}


def test_there_is_no_way_back_behind_the_base_or_out_of_a_trial(box: Box, asked: dict[str, Any]) -> None:
    root = verbs.Box(places=box.places, run=box.system, background=lambda work: work())
    vars(root)["programs"] = box.root
    assert verbs.answer(root, {"verb": "program-back"}, "nisse-updates")["error"]["code"] == "conflict"
    box.install(asked)
    assert verbs.answer(root, {"verb": "program-back"}, "nisse-updates")["error"]["code"] == "conflict"
    assert box.is_taken()


def test_how_things_stand_is_told(box: Box, asked: dict[str, Any]) -> None:
    assert box.root.status({})["working"] == ""
    box.root.install(asked)
    assert box.root.status({})["working"] == "copying"
    box.later.pop()()
    assert box.root.status({})["working"] == "trial"
    chosen = starting.choose(box.places, BASE, Start, lambda: 1.0)
    assert chosen
    said = box.root.status({})
    assert said["running"] == chosen.to_json()
    assert said["base"] == {"version": "0.5.0", "architecture": "amd64", "python": PYTHON}
    assert json.loads(json.dumps(said)) == said
    assert State.from_json(durable.read_sealed(box.places.programs / "state.json")) == State.from_json(
        said["state"]
    )


def test_on_a_desk_it_says_where_its_versions_come_from(tmp_path: Path) -> None:
    desk = verbs.Box(places=Places(tmp_path), run=System(), background=lambda work: work())
    said = verbs.answer(desk, {"verb": "program-status"}, "nisse-updates")
    assert "checkout" in said["error"]["hint"]
