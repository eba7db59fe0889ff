"""Updates asks root for a program: taken is only what its publishers signed for this box, whatever updates says and lays down."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import durable
from provisioning.box.places import Places
from provisioning.privileged import verbs
from provisioning.programs import installing, starting
from provisioning.programs.asking import TRIAL, Programs
from provisioning.programs.choosing import Start
from provisioning.programs.state import Book, Candidate, Probation, Program, State
from provisioning.updates import first_root
from provisioning.updates.metadata import Metadata
from provisioning.updates.programs.record import Program as Signed
from tests.fakes.programs import Programs as System
from tests.release.publishing import Publisher, program_file

from .conftest import BASE, PYTHON, program

FITTING: dict[str, Any] = {
    "python": PYTHON,
    "needs_system": "0.5.0",
    "reads": "0.5.0",
    "readable_by": "0.5.0",
}


class Box:
    """A box, its publisher, its updates process, and root."""

    def __init__(self, places: Places, folder: Path) -> None:
        self.places, self.folder = places, folder
        self.publisher = Publisher(folder / "repository")
        self.updates = places.home / "models" / "updates"
        self.keys = folder / "keys"
        self.keys.mkdir()
        (self.keys / first_root.ROOT).write_bytes(self.publisher.root)
        self.now = datetime.now(UTC)
        self.system = System()
        self.later: list[Callable[[], None]] = []
        self.root = Programs(places, self.system, self.later.append, now=self.clock, keys=self.keys)

    def clock(self) -> float:
        return self.now.timestamp()

    def publish(self, version: str = "0.5.1", **told: Any) -> Signed:
        return self.publisher.add_program(program_file(self.folder / "made", version, **{**FITTING, **told}))

    def fetch(self, signed: Signed, publisher: Publisher | None = None) -> dict[str, Any]:
        """What updates does before it asks; returns how it asks."""
        publisher = publisher or self.publisher
        Metadata(self.updates / "tuf", publisher.root, lambda: [publisher.url]).refresh()
        blob = self.updates / "programs" / "blobs" / "sha256" / signed.sha256
        blob.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.folder / "made" / f"nisse-{signed.version}-{signed.architecture}.raw", blob)
        return {
            "path": str(blob),
            "target": signed.target,
            "sha256": signed.sha256,
            "size": signed.size,
            "lists": str(self.updates / "tuf"),
        }

    def install(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Root's answer, and everything that follows it."""
        box = verbs.Box(places=self.places, run=self.system, background=self.later.append)
        vars(box)["programs"] = self.root
        said = verbs.answer(box, {"verb": "program-install", **asked}, "nisse-updates")
        while self.later:
            self.later.pop()()
        return said

    def is_taken(self) -> bool:
        return self.book.read().candidate is not None

    @property
    def book(self) -> Book:
        return Book(self.places)


@pytest.fixture
def box(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    monkeypatch.setattr(installing, "KEEP_FREE", 0)
    return Box(places, tmp_path)


@pytest.fixture
def asked(box: Box) -> dict[str, Any]:
    """How updates asks for a good program."""
    return box.fetch(box.publish())


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


def strangers_lists(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    """Everything right, but signed by somebody else."""
    other = Publisher(box.folder / "stranger")
    signed = other.add_program(program_file(box.folder / "made", "0.5.1", **FITTING))
    shutil.rmtree(box.updates / "tuf")
    return box.fetch(signed, other)


def altered_list(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    """The list names the thief's file; the signature is of the old one."""
    for path in (box.updates / "tuf").rglob("programs.json"):
        row = json.loads(path.read_text())
        row["signed"]["targets"][asked["target"]]["hashes"]["sha256"] = "0" * 64
        path.write_text(json.dumps(row))
    return asked


def models_sign_for_it(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    """The list of models, as the list of programs."""
    for path in (box.updates / "tuf").rglob("programs.json"):
        path.write_bytes(path.with_name("models.json").read_bytes())
    return asked


def altered_record(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    """The record says that the box could go back."""
    for path in (box.updates / "tuf" / "records").iterdir():
        path.write_bytes(path.read_bytes().replace(b"0.5.0", b"0.4.0"))
    return asked


def no_lists(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    shutil.rmtree(box.updates / "tuf")
    return asked


def lists_behind_a_link(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    (box.updates / "tuf").rename(box.folder / "elsewhere")
    (box.updates / "tuf").symlink_to(box.folder / "elsewhere")
    return asked


def lists_elsewhere(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    shutil.copytree(box.updates / "tuf", box.folder / "elsewhere", symlinks=True)
    return {**asked, "lists": str(box.folder / "elsewhere")}


def a_way_out(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "path": f"{box.updates}/../../../../etc/passwd"}


def current_leads_out(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    link = box.updates / "tuf" / "current"
    real = link.resolve()
    link.unlink()
    link.symlink_to(real)
    return asked


def endless_list(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    for path in (box.updates / "tuf").rglob("programs.json"):
        path.write_bytes(b" " * (3 << 20))
    return asked


def a_pipe_for_a_list(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    for path in (box.updates / "tuf").rglob("programs.json"):
        path.unlink()
        os.mkfifo(path)
    return asked


def another_target(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "target": "programs/amd64/nisse-9.raw"}


def another_hash(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "sha256": "0" * 64}


def another_size(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "size": asked["size"] + 1}


def size_of_another_kind(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "size": str(asked["size"])}


def a_link_for_a_file(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    path = Path(asked["path"])
    path.rename(box.folder / "aside")
    path.symlink_to(box.folder / "aside")
    return asked


def a_folder_for_a_file(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    Path(asked["path"]).unlink()
    Path(asked["path"]).mkdir()
    return asked


def a_pipe_for_a_file(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    Path(asked["path"]).unlink()
    os.mkfifo(asked["path"])
    return asked


def a_file_elsewhere(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "path": str(shutil.copyfile(asked["path"], box.folder / "elsewhere.raw"))}


def nothing_said(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {}


def numbers_for_texts(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return dict.fromkeys(asked, 7)


def a_nought(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "path": "/data\0/x"}


LIES = (
    strangers_lists, altered_list, models_sign_for_it, altered_record, no_lists, lists_behind_a_link, lists_elsewhere, a_way_out,
    current_leads_out, endless_list, a_pipe_for_a_list, another_target, another_hash, another_size, size_of_another_kind,
    a_link_for_a_file, a_folder_for_a_file, a_pipe_for_a_file, a_file_elsewhere, nothing_said, numbers_for_texts, a_nought,
)  # fmt: skip


@pytest.mark.parametrize("lie", LIES, ids=lambda each: each.__name__)
def test_root_believes_updates_nothing(
    box: Box, asked: dict[str, Any], lie: Callable[[Box, dict[str, Any]], dict[str, Any]]
) -> None:
    said = box.install(lie(box, asked))
    assert "error" in said, said
    assert not box.is_taken()
    assert not list(box.places.programs.glob("*.raw"))
    assert not box.system.calls


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
