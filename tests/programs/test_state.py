"""What the box remembers of its programs, and what it makes of a file that is damaged."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

from agent import durable
from provisioning.programs.state import (
    Book,
    Candidate,
    Ending,
    Probation,
    Program,
    Refused,
    State,
    older,
)

from .conftest import NOW, program


def full() -> State:
    return State(
        current=program("0.5.1"),
        previous=program("0.5.2"),
        candidate=Candidate(program=program("0.5.3"), starts=1, since=NOW, limit_s=240.0),
        probation=Probation(crashes=1, served=3600.0),
        committed_version="0.5.2",
        refused=(Refused(sha256="f" * 64, version="0.5.9", reason="crashed", sentence="It broke.", at=NOW),),
        last=Ending(
            result="committed", sha256="a" * 64, version="0.5.1", to="0.5.1", reason="", sentence="", at=NOW
        ),
    )


@pytest.mark.parametrize("state", [State(), full()], ids=["empty", "full"])
def test_what_was_written_is_read(book: Book, state: State) -> None:
    book.write(state)
    assert book.read() == state
    assert (book.folder / "state.json").stat().st_mode & 0o777 == 0o644


def test_the_file_says_what_was_agreed(book: Book) -> None:
    book.write(full())
    row = durable.read_sealed(book.folder / "state.json")
    assert row
    assert set(row) == {
        "current", "previous", "candidate", "probation", "committed_version", "refused", "last",
    }  # fmt: skip
    assert {"sha256", "version", "starts", "since", "limit_s"} <= set(row["candidate"])


def test_a_torn_file_means_the_base(book: Book) -> None:
    book.write(full())
    path = book.folder / "state.json"
    whole, chance = path.read_bytes(), random.Random(20261121)
    for _ in range(300):
        torn = bytearray(whole)
        how = chance.randrange(3)
        if how == 0:
            del torn[chance.randrange(len(torn)) :]
        elif how == 1:
            torn[chance.randrange(len(torn))] ^= 1 << chance.randrange(8)
        else:
            at = chance.randrange(len(torn))
            torn[at : at + 512] = bytes(len(torn[at : at + 512]))
        path.write_bytes(bytes(torn))
        # White space at the end may change: then it says still the same.
        assert book.read() in (State(), full())


@pytest.mark.parametrize("name", ["current", "previous", "candidate", "probation", "refused", "last"])
@pytest.mark.parametrize(
    "value", [1, "x", [], [1], {}, {"sha256": "x"}, {"sha256": None, "version": []}, True]
)
def test_a_record_that_nobody_of_us_wrote_means_the_base(book: Book, name: str, value: object) -> None:
    if (name, value) == ("refused", []):
        return
    durable.write_sealed(book.folder / "state.json", full().to_json() | {name: value})
    assert book.read() == State()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sha256", "../../etc/passwd"),
        ("sha256", "A" * 64),
        ("size", 0),
        ("size", True),
        ("size", 1 << 50),
        ("version", "0.5.1/../.."),
        ("version", ""),
        ("architecture", "/"),
        ("readable_by", None),
    ],
)
def test_no_program_is_believed_that_cannot_be(field: str, value: object) -> None:
    with pytest.raises(ValueError, match="no record"):
        Program.from_json(program("0.5.1").to_json() | {field: value})


def test_what_nothing_names_is_taken_away(book: Book, lay: Callable[[str], Program]) -> None:
    kept, gone = lay("0.5.1"), lay("0.5.2")
    (book.folder / f".{gone.sha256}.new").write_text("half a copy")
    state = State(current=kept)
    book.write(state)
    book.sweep(state)
    assert {path.name for path in book.folder.iterdir()} == {"state.json", book.file(kept).name}


@pytest.mark.parametrize(
    ("one", "other"), [("0.5.0", "0.5.1"), ("0.5.9", "0.5.10"), ("0.5", "0.5.1"), ("0.9", "1")]
)
def test_versions_are_numbers(one: str, other: str) -> None:
    assert older(one, other)
    assert not older(other, one)
    assert not older(f"{one}.0", one)


def test_the_record_is_plain_json(book: Book) -> None:
    assert json.loads(json.dumps(full().to_json())) == json.loads(json.dumps(full().to_json()))
    assert State.from_json(json.loads(json.dumps(full().to_json()))) == full()
