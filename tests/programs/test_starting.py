"""What the house finds at its start: only ever a whole file that was signed, and after any power cut too."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent import durable
from provisioning.box.places import Places
from provisioning.programs import choosing, starting
from provisioning.programs.choosing import Start
from provisioning.programs.state import Book, Candidate, Program, State

from .asking_box import PYTHON
from .conftest import BASE, NOW, program

Lay = Callable[[str], Program]
AGAIN = Start(failed=True)


def start(places: Places, why: Start | None = None) -> Program | None:
    return starting.choose(places, BASE, lambda: why or Start(), lambda: NOW)


def found(places: Places) -> Path | None:
    """What nisse.service would mount."""
    link = places.run / starting.LINK
    return link.readlink() if link.is_symlink() else None


def test_without_programs_nothing_is_mounted(places: Places) -> None:
    assert start(places) is None
    assert found(places) is None
    assert starting.runs(places) == ""


def test_the_current_one_is_found_and_everybody_may_know(places: Places, book: Book, lay: Lay) -> None:
    one = lay("0.5.1")
    book.write(State(current=one))
    assert start(places) == one
    assert found(places) == book.file(one)
    facts = places.run / starting.FACTS
    assert facts.stat().st_mode & 0o777 == 0o644
    assert json.loads(facts.read_text()) == {
        "base": {"version": "0.5.0", "architecture": "amd64", "python": PYTHON},
        "running": one.to_json(),
    }


def test_a_link_of_an_earlier_start_goes_when_the_base_runs(places: Places, book: Book, lay: Lay) -> None:
    book.write(State(current=lay("0.5.1")))
    start(places)
    book.write(State())
    start(places)
    assert found(places) is None


def test_a_candidates_start_is_counted_before_it_runs(places: Places, book: Book, lay: Lay) -> None:
    book.write(State(candidate=Candidate(program=lay("0.5.1"))))
    start(places)
    candidate = book.read().candidate
    assert candidate
    assert candidate.starts == 1


def test_a_start_that_cannot_be_counted_is_not_made(
    places: Places, book: Book, lay: Lay, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.write(State(current=lay("0.5.1"), candidate=Candidate(program=lay("0.5.2"))))
    write = durable.write_sealed

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable, "write_sealed", full)
    chosen = start(places)
    monkeypatch.setattr(durable, "write_sealed", write)
    assert chosen
    assert chosen.version == "0.5.1"
    assert found(places) == book.file(chosen)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def one_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def a_link(path: Path) -> None:
    aside = path.with_name("aside")
    path.rename(aside)
    path.symlink_to(aside)


def gone(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = (cut_short, one_bit, longer, a_link, gone, empty, folder)
ROLES = ("candidate", "current", "previous")


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
@pytest.mark.parametrize("which", [("candidate",), ("current",), ("previous",), ROLES[1:], ROLES[:2], ROLES])
@pytest.mark.parametrize("is_tried", [True, False], ids=["tried", "quiet"])
def test_of_every_state_and_every_damage_a_whole_file_runs_or_the_base(
    places: Places,
    book: Book,
    lay: Lay,
    *,
    damage: Callable[[Path], None],
    which: tuple[str, ...],
    is_tried: bool,
) -> None:
    files = {"previous": lay("0.5.1"), "current": lay("0.5.2"), "candidate": lay("0.5.3")}
    candidate = Candidate(program=files["candidate"]) if is_tried else None
    book.write(State(current=files["current"], previous=files["previous"], candidate=candidate))
    for role in which:
        damage(book.file(files[role]))
    order = ROLES if is_tried else ROLES[1:]
    healthy = [role for role in order if role not in which]
    wanted = files[healthy[0]] if healthy else None
    assert start(places) == wanted
    assert found(places) == (book.file(wanted) if wanted else None)
    assert start(places) == wanted, "and so it stays"
    left = {each.sha256 for each in book.read().programs}
    passed_over = order[: order.index(healthy[0])] if healthy else order
    assert not {files[role].sha256 for role in passed_over} & left


def test_a_damaged_candidate_is_told_and_may_come_again(places: Places, book: Book, lay: Lay) -> None:
    bad = lay("0.5.1")
    book.write(State(candidate=Candidate(program=bad)))
    one_bit(book.file(bad))
    start(places)
    state = book.read()
    assert state.last
    assert (state.last.result, state.last.reason) == ("rolled_back", "damaged")
    assert not book.file(bad).exists(), "it takes no room"


class PowerCutError(BaseException):
    """The box is off."""


def cut_at(monkeypatch: pytest.MonkeyPatch, number: int) -> list[int]:
    """Cuts the power at the so-manieth change that a start makes on a disk; counts them."""
    count = [0]

    def guarded(change: Callable[..., object]) -> Callable[..., object]:
        def changed(*words: object, **more: object) -> object:
            count[0] += 1
            if count[0] == number:
                raise PowerCutError
            return change(*words, **more)

        return changed

    for name in ("replace", "unlink", "symlink_to"):
        monkeypatch.setattr(Path, name, guarded(getattr(Path, name)))
    monkeypatch.setattr(durable, "sync_folder", guarded(durable.sync_folder))
    return count


BEGINS: dict[str, Callable[[Program, Program], State]] = {
    "candidate": lambda old, new: State(current=old, candidate=Candidate(program=new)),
    "last_start": lambda old, new: State(current=old, candidate=Candidate(program=new, starts=2)),
    "from_base": lambda _old, new: State(candidate=Candidate(program=new)),
    "probation": lambda old, new: choosing.kept(
        State(current=old, candidate=Candidate(program=new)), BASE, NOW
    ),
}


@pytest.mark.parametrize("begin", BEGINS)
@pytest.mark.parametrize("is_damaged", [False, True], ids=["whole", "damaged"])
def test_a_power_cut_at_any_change_of_a_start_does_no_harm(
    places: Places, book: Book, lay: Lay, monkeypatch: pytest.MonkeyPatch, *, begin: str, is_damaged: bool
) -> None:
    old, new = lay("0.5.1"), lay("0.5.2")
    number, cuts = 0, 0
    while True:
        number += 1
        lay("0.5.1"), lay("0.5.2")
        shutil.rmtree(places.run, ignore_errors=True)
        book.write(BEGINS[begin](old, new))
        if is_damaged:
            one_bit(book.file(new))
        with monkeypatch.context() as cutting:
            count = cut_at(cutting, number)
            try:
                start(places, AGAIN if begin == "probation" else None)
            except PowerCutError:
                cuts += 1
        if count[0] < number:
            break
        shutil.rmtree(places.run, ignore_errors=True)  # memory
        chosen = start(places)
        if chosen:
            assert starting.is_whole(book.file(chosen), chosen)
        assert not (is_damaged and chosen == new)
        for _ in range(3):
            start(places)
        assert book.read().candidate is None, "nothing is tried for ever"
    assert cuts > 2


def test_a_start_after_crashes_puts_back_without_the_trial(places: Places, book: Book, lay: Lay) -> None:
    old, new = lay("0.5.1"), lay("0.5.2")
    book.write(State(current=old, candidate=Candidate(program=new)))
    assert [start(places), start(places, AGAIN), start(places, AGAIN)] == [new, new, old]
    assert not book.file(new).exists()
    assert book.read().refused[0].reason == "crashed"


def test_why_the_house_starts_is_asked_only_where_it_matters(places: Places, book: Book, lay: Lay) -> None:
    book.write(State(current=lay("0.5.1")))

    def never() -> Start:
        raise AssertionError

    assert starting.choose(places, BASE, never, lambda: NOW)


def test_a_program_of_another_box_is_left_alone_and_the_base_runs(
    places: Places, book: Book, lay: Lay
) -> None:
    one = dataclasses.replace(lay("0.5.1"), architecture="arm64")
    book.write(State(current=one))
    assert start(places) is None
    assert book.read().current == one, "the card may go back into its own box"


def test_no_state_of_another_hand_names_a_file_elsewhere(places: Places, book: Book) -> None:
    durable.write_sealed(
        book.folder / "state.json",
        {"current": program("0.5.1").to_json() | {"sha256": "../../../etc/hostname"}},
    )
    assert start(places) is None
