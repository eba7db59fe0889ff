"""What is remembered of an update of Nisse: torn files, files of another version, and the order of the steps."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from provisioning.updates.book import Book
from provisioning.updates.programs import states
from provisioning.updates.programs.book import ProgramBook
from provisioning.updates.programs.states import Record, Step

RECORD = Record(step=Step.DOWNLOADING, program="{}", version="0.5.1", sha256="a" * 64, consent=True, told="t")


def test_the_steps_follow_each_other_to_the_end() -> None:
    record, seen = states.offered(Record(told="t"), program="{}", version="1", sha256="a", since=1.0), []
    while record.step != Step.IDLE:
        seen.append(str(record.step))
        record = states.idle(record) if record.step == Step.REPORTED else states.done(record)
    assert seen == ["offered", "reserved", "downloading", "verified", "handed", "reported"]
    assert record == Record(told="t")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    book = ProgramBook(tmp_path, Book(tmp_path / "letters"))
    assert book.record() == Record()
    book.write(RECORD)
    assert ProgramBook(tmp_path, Book(tmp_path / "letters")).record() == RECORD


@pytest.mark.parametrize("size", range(0, 400, 23))
def test_a_torn_record_is_none(tmp_path: Path, size: int) -> None:
    book = ProgramBook(tmp_path, Book(tmp_path / "letters"))
    book.write(RECORD)
    file = tmp_path / "state.json"
    os.truncate(file, min(size, file.stat().st_size - 2))
    assert book.record() == Record()


@pytest.mark.parametrize(
    "change",
    [
        {"step": "flying"},
        {"consent": 1},
        {"handed": True},
        {"since": "now"},
        {"version": None},
        {"program": ""},
        {"program": "x" * 200_000},
    ],
)
def test_a_record_of_another_form_is_none(change: dict[str, Any]) -> None:
    assert states.read({**dataclasses.asdict(RECORD), **change}) is None


def test_what_a_later_version_has_added_is_passed_over() -> None:
    assert states.read({**dataclasses.asdict(RECORD), "of_a_later_version": 1}) == RECORD


def test_a_long_sentence_is_cut() -> None:
    ended = states.ended(RECORD, "rolled_back", "not_well", "x" * 9000)
    assert len(ended.sentence) == 2000
    assert states.read(ended.to_json()) == ended
