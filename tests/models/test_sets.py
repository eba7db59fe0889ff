"""The sets of models: one pointer, turned at one instant, and never believed when damaged."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from agent import durable
from agent.errors import ConflictError
from agent.models.catalogue import File, Model
from agent.models.sets import ModelSet, Sets
from agent.models.shape import Shape

SHAPE = Shape(layers=2, embedding=64, feed_forward=128, vocabulary=100, kept=32, weights=1000, input_bytes=10)


def model(name: str, role: str = "chat") -> Model:
    """A model as a set has it, without sources."""
    return Model(
        name=name, role=role, title=name.title(), licence="MIT", memory=10, context=512, quantisation="q4", parameters=1,
        files=(File(name="model.gguf", size=5, sha256="ab" * 32, sources=()),), shape=SHAPE if role == "chat" else None,
    )  # fmt: skip


def made(seq: int, chat: str = "tiny") -> ModelSet:
    """A set."""
    return ModelSet(
        seq=seq, origin="signed", chat=model(chat), embed=model("mini", "embed"), made="2026-11-21T12:00:00+00:00",
        why="A test wants it.", releases={"chat": 7},
    )  # fmt: skip


@pytest.fixture
def sets(tmp_path: Path) -> Sets:
    found = Sets(tmp_path)
    for seq in (1, 2, 3):
        found.write(made(seq, f"tiny{seq}"))
    return found


def test_a_folder_without_sets_names_none(tmp_path: Path) -> None:
    sets = Sets(tmp_path / "nowhere")
    assert (sets.serving(), sets.active(), sets.previous(), sets.all(), sets.next_seq()) == (
        None,
        None,
        None,
        [],
        1,
    )
    assert sets.mark() == sets.mark()


def test_a_set_comes_back_as_it_was_written(sets: Sets) -> None:
    assert sets.get(2) == made(2, "tiny2")
    assert [one.seq for one in sets.all()] == [1, 2, 3]
    assert sets.next_seq() == 4
    assert sets.serving() is None  # written is not in force


def test_a_set_is_never_changed(sets: Sets) -> None:
    sets.write(made(2, "tiny2"))
    with pytest.raises(ConflictError, match="number 2"):
        sets.write(made(2, "another"))
    assert sets.get(2) == made(2, "tiny2")


def test_switching_changes_all_at_once_and_going_back_is_the_same(sets: Sets) -> None:
    sets.switch(1, None)
    before = sets.mark()
    sets.switch(2, previous=1)
    assert (sets.serving(), sets.previous()) == (made(2, "tiny2"), made(1, "tiny1"))
    assert sets.mark() != before
    sets.switch(1, previous=2)
    assert (sets.serving(), sets.previous()) == (made(1, "tiny1"), made(2, "tiny2"))


@pytest.mark.parametrize(
    "numbers",
    [(1, None, 2, 1), (2, 1, 3, 2), (3, 2, 2, 1), (3, 2, 2, 3), (2, 1, 2, 1)],
)
def test_whatever_instant_it_ends_at_the_old_or_the_new_serves_and_a_way_back_is_there(
    sets: Sets, monkeypatch: pytest.MonkeyPatch, numbers: tuple[int, int | None, int, int]
) -> None:
    active, previous, to, back = numbers

    class PowerCutError(Exception):
        pass

    sets.switch(active, previous)
    real, count = os.fsync, 0

    def ends(descriptor: int) -> None:
        nonlocal count
        count += 1
        real(descriptor)
        raise PowerCutError

    monkeypatch.setattr(os, "fsync", ends)
    for _ in range(3):
        try:
            sets.switch(to, back)
        except PowerCutError:
            serving, way_back = sets.serving(), sets.previous()
            assert serving
            assert serving.seq in (active, to)
            assert way_back
            assert way_back.seq in (active, previous, to, back)
            monkeypatch.setattr(os, "fsync", real)
    assert count
    assert (sets._number("active"), sets._number("previous")) == (to, back)


def test_the_way_back_serves_while_the_active_set_is_damaged(sets: Sets) -> None:
    sets.switch(2, None)
    sets.switch(3, previous=2)
    file = sets.folder / "3.json"
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-40])
    assert sets.active() is None
    assert sets.serving() == made(2, "tiny2")
    assert sets.next_seq() == 4
    file.unlink()
    assert sets.serving() == made(2, "tiny2")
    sets.write(made(3, "tiny3"))
    assert sets.serving() == made(3, "tiny3")


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 5}, {"origin": "foreign"}, {"chat": {"name": "x"}}, {"chat": []}, {"why": 3}, {"releases": {"chat": "7"}},
        {"releases": {"other": 7}}, {"more": 1}, {"why": "y" * 5000},
    ],
)  # fmt: skip
def test_what_is_sealed_rightly_and_says_nonsense_is_no_set(sets: Sets, change: dict[str, object]) -> None:
    row = durable.read_sealed(sets.folder / "2.json")
    assert row
    durable.write_sealed(sets.folder / "2.json", row | change)
    assert sets.get(2) is None


def test_a_pointer_out_of_the_folder_names_none(sets: Sets, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for target in ("../elsewhere", "0.json", "1.json.bak", "99.json", "active"):
        durable.point(sets.folder / "active", target)
        assert sets.active() is None


def test_it_switches_only_to_what_can_be_read(sets: Sets) -> None:
    with pytest.raises(ConflictError, match="9"):
        sets.switch(9, None)
    with pytest.raises(ConflictError, match="9"):
        sets.switch(1, previous=9)
    assert sets.serving() is None


def test_what_is_in_use_is_not_forgotten(sets: Sets) -> None:
    sets.switch(2, None)
    sets.switch(3, previous=2)
    for seq in (2, 3):
        with pytest.raises(ConflictError, match="in use"):
            sets.remove(seq)
    sets.remove(1)
    assert [one.seq for one in sets.all()] == [2, 3]


def test_a_set_may_leave_the_embedder_to_the_settings(sets: Sets) -> None:
    bare = dataclasses.replace(made(4), embed=None, origin="house", releases={})
    sets.write(bare)
    assert sets.get(4) == bare
    assert bare.models == (model("tiny"),)
