"""What the box remembers of its programs, in one sealed file; a torn one says nothing, and then the system's own version runs.

Owns: the records, reading and writing them, and that only one process changes them at a time.
Does not know: what is to be done (`choosing`, `trying`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from agent import durable
from provisioning.box.places import Places

MOST_REFUSED = 16
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"\d{1,6}(\.\d{1,6}){0,3}")
_WORD = re.compile(r"[a-z0-9.]{1,16}")
_LARGEST = 1 << 40


class _WrongError(ValueError):
    """A record that nobody of us wrote."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program, as it was signed."""

    sha256: str
    size: int  # bytes
    version: str
    architecture: str
    python: str
    needs_system: str  # the oldest system that it runs on
    reads: str  # the oldest version whose data it reads
    readable_by: str  # the oldest version that reads its data

    def to_json(self) -> dict[str, Any]:
        """The record."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        """From a record.

        Raises:
            ValueError: It is none.
        """
        program = cls(**{each.name: row.get(each.name) for each in dataclasses.fields(cls)})  # type: ignore[arg-type]
        _demand(isinstance(program.sha256, str) and bool(_SHA256.fullmatch(program.sha256)))
        _demand(type(program.size) is int and 0 < program.size <= _LARGEST)
        for version in (program.version, program.needs_system, program.reads, program.readable_by):
            _demand(isinstance(version, str) and bool(_VERSION.fullmatch(version)))
        for word in (program.architecture, program.python):
            _demand(isinstance(word, str) and bool(_WORD.fullmatch(word)))
        return program


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """The program that is tried."""

    program: Program
    starts: int = 0  # of the house with it
    since: float = 0.0  # seconds since 1970
    limit_s: float = 0.0  # within which it must be well; 0: its trial has not begun


@dataclass(frozen=True, kw_only=True)
class Probation:
    """What the current program has shown since it was kept."""

    crashes: int = 0
    served: float = 0.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A program that did not do well here."""

    sha256: str
    version: str
    reason: str
    sentence: str
    at: float


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How the last change of the program ended."""

    result: str  # committed, rolled_back, went_back or refused
    sha256: str
    version: str
    to: str  # the version that runs since
    reason: str
    sentence: str
    at: float


@dataclass(frozen=True, kw_only=True)
class State:
    """All that is remembered. None in the place of a program: the version in the system's root."""

    current: Program | None = None
    previous: Program | None = None
    candidate: Candidate | None = None
    probation: Probation | None = None  # of the current one
    committed_version: str = "0"  # the highest that was ever kept
    refused: tuple[Refused, ...] = ()  # the newest first
    last: Ending | None = None

    @property
    def programs(self) -> tuple[Program, ...]:
        """All whose files are to be kept."""
        candidate = self.candidate.program if self.candidate else None
        return tuple(each for each in (self.current, self.previous, candidate) if each)

    def to_json(self) -> dict[str, Any]:
        """The record."""
        candidate = self.candidate
        row = dataclasses.asdict(self)
        if candidate:
            row["candidate"] = candidate.program.to_json() | {
                "starts": candidate.starts,
                "since": candidate.since,
                "limit_s": candidate.limit_s,
            }
        return row | {"refused": [dataclasses.asdict(each) for each in self.refused]}

    @classmethod
    def from_json(cls, row: Mapping[str, Any] | None) -> Self:
        """From a record; nothing where it is none."""
        try:
            return cls(**_values(row or {}))
        except (ValueError, TypeError, AttributeError):
            return cls()


class Book:
    """The state on the disk."""

    def __init__(self, places: Places) -> None:
        """Reads nothing yet."""
        self.folder = places.programs
        self._lock = places.run / "programs.lock"

    def read(self) -> State:
        """What is remembered; nothing where the file is torn."""
        return State.from_json(durable.read_sealed(self.folder / "state.json"))

    def write(self, state: State) -> None:
        """Remembers; everybody may read it.

        Raises:
            OSError: The disk does not take it; what was remembered stands.
        """
        durable.write_sealed(self.folder / "state.json", state.to_json(), mode=0o644)

    def file(self, program: Program) -> Path:
        """Where the program's file lies."""
        return self.folder / f"{program.sha256}.raw"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Waits until nobody else changes the state."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def sweep(self, state: State) -> None:
        """Takes away what nothing of the state names: copies that were broken off, programs that went."""
        kept = {"state.json", *(self.file(program).name for program in state.programs)}
        with contextlib.suppress(OSError):
            for path in list(self.folder.iterdir()):
                if path.name not in kept and path.is_file():
                    path.unlink()


def older(one: str, other: str) -> bool:
    """Whether the one version is older than the other."""
    return _numbers(one) < _numbers(other)


def _numbers(version: str) -> tuple[int, ...]:
    """To compare; what is no number, such as the end of 0.5.dev1, counts as nothing."""
    numbers = [int(part) if part.isascii() and part.isdigit() else 0 for part in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    candidate = row.get("candidate")
    floor = row.get("committed_version", "0")
    _demand(isinstance(floor, str) and bool(_VERSION.fullmatch(floor)))
    refused = row.get("refused", [])
    _demand(isinstance(refused, list))
    return {
        "current": _program(row.get("current")),
        "previous": _program(row.get("previous")),
        "candidate": _candidate(candidate) if candidate is not None else None,
        "probation": _plain(Probation, row.get("probation")),
        "committed_version": floor,
        "refused": tuple(_plain(Refused, each) for each in refused[:MOST_REFUSED]),
        "last": _plain(Ending, row.get("last")),
    }


def _program(row: Any) -> Program | None:
    return None if row is None else Program.from_json(row)


def _candidate(row: Mapping[str, Any]) -> Candidate:
    values = {name: row.get(name, 0) for name in ("starts", "since", "limit_s")}
    _demand(all(type(value) in (int, float) and value >= 0 for value in values.values()))
    return Candidate(program=Program.from_json(row), **values)


def _plain(kind: type[Any], row: Any) -> Any:
    """A record of texts and numbers."""
    if row is None:
        return None
    fields = {each.name: str(each.type) for each in dataclasses.fields(kind)}
    _demand(isinstance(row, dict) and set(row) == set(fields))
    for name, form in fields.items():
        _demand(
            isinstance(row[name], str)
            if form == "str"
            else type(row[name]) in (int, float) and row[name] >= 0
        )
    return kind(**row)


def _demand(holds: bool) -> None:
    if not holds:
        raise _WrongError("no record of ours")
