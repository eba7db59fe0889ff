"""What is signed of a version of Nisse: written, read strictly, judged by one set of rules."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from provisioning.updates.programs import record, rules
from provisioning.updates.programs.rules import Here
from provisioning.updates.refusals import SENTENCES, RefusedError
from provisioning.updates.release import Rollout
from tests.updates.repository import program_of

ROW = program_of("0.5.1", b"a program")
HERE = Here(architecture="amd64", python="3.13", base="0.5.0", running="0.5.0")


def read(**changes: Any) -> record.Program:
    return record.read(json.dumps(ROW | changes).encode())


def test_what_is_written_is_read() -> None:
    moment = datetime(2026, 12, 1, tzinfo=UTC)
    rollout = Rollout(percent=10, salt="s", not_before=moment, critical=True)
    made = dataclasses.replace(
        read(), notes="Schöner.\n更好", published=moment, rollout=rollout, yanked="No."
    )
    assert record.read(made.to_bytes()) == made
    assert made.record == "programs/amd64/nisse-0.5.1.json"
    assert record.RECORD.fullmatch(made.record)


def test_a_later_publisher_may_say_more() -> None:
    assert read(of_2030=[1], rollout={"percent": 5, "of_2030": None}).rollout == Rollout(percent=5)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": True},
        {"version": "1.0.0.0.0"},
        {"version": "0.5.1/../x"},
        {"version": 5},
        {"architecture": "../x"},
        {"python": "3"},
        {"needs_system": ""},
        {"reads": None},
        {"readable_by": "0.5.1rc1"},
        {"sha256": "A" * 64},
        {"sha256": "a" * 63},
        {"size": 0},
        {"size": -1},
        {"size": True},
        {"size": 1.5},
        {"size": 1 << 40},
        {"notes": "x" * 30_000},
        {"notes": "\x00"},
        {"licence": "x" * 300},
        {"published": "yesterday"},
        {"published": "2026-13-01T00:00:00Z"},
        {"rollout": []},
        {"rollout": {"percent": 101}},
        {"rollout": {"percent": "10"}},
        {"rollout": {"salt": "x" * 101}},
        {"rollout": {"not_before": "2026-12-02T00:00:00Z", "not_after": "2026-12-01T00:00:00Z"}},
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as refused:
        read(**change)
    assert refused.value.reason == "malformed"


@pytest.mark.parametrize(
    "name", ["version", "architecture", "python", "size", "sha256", "reads", "readable_by"]
)
def test_nothing_that_counts_may_be_missing(name: str) -> None:
    with pytest.raises(RefusedError):
        record.read(json.dumps({key: value for key, value in ROW.items() if key != name}).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b"[" * 10_000, b" " * 70_000])
def test_no_record_at_all(data: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        record.read(data)
    assert refused.value.reason == "malformed"


@pytest.mark.parametrize(
    ("program", "here", "reason"),
    [
        ({}, {}, ""),
        ({"yanked": "No."}, {}, "yanked"),
        ({"architecture": "arm64"}, {}, "other_machine"),
        ({"python": "3.14"}, {}, "other_python"),
        ({"needs_system": "0.5.0"}, {}, ""),
        ({"needs_system": "0.5.1"}, {}, "old_system"),
        ({"version": "0.5.0"}, {}, "old_program"),
        ({"version": "0.10.0"}, {"running": "0.9.9"}, ""),
        ({}, {"floor": "0.5.1"}, ""),
        ({}, {"floor": "0.5.2"}, "below_floor"),
        ({"reads": "0.5.0"}, {}, ""),
        ({"version": "0.7", "reads": "0.6"}, {}, "too_far"),
        ({"version": "0.7", "reads": "0.6"}, {"running": "0.6"}, ""),
        ({"version": "0.7", "readable_by": "0.6"}, {"running": "0.6"}, "no_way_back"),
        ({}, {"refused": frozenset({ROW["sha256"]})}, "known_bad"),
    ],
)
def test_one_set_of_rules(program: dict[str, Any], here: dict[str, Any], reason: str) -> None:
    assert rules.unfit(read(**program), dataclasses.replace(HERE, **here)) == reason


def test_every_refusal_speaks_of_nisse() -> None:
    for reason in ("yanked", "old_system", "no_way_back", "known_bad", "one_day", "no_space", "not_taken"):
        assert "Nisse" in rules.sentence(reason)
        assert "model" not in rules.sentence(reason)
        assert reason in SENTENCES
    assert rules.sentence("") == ""
