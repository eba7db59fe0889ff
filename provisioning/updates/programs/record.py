"""What is signed of one version of Nisse: for which machine, what it needs, which state it reads, and who can read what it writes.

What a later publisher says beside that is passed over, for a base may be years old; what must not be passed over raises `FORMAT`.

Owns: the record `programs/<architecture>/nisse-<version>.json`, its writing and its strict reading, and where its files lie.
Does not know: whether it is signed (`metadata`), whether it suits this box (`rules`), nor what is in the file.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agent.errors import SettingsError
from provisioning.updates.refusals import RefusedError
from provisioning.updates.release import Rollout, read_time, write_time

FORMAT = 1
LARGEST = 64 << 10  # bytes of the record
LARGEST_FILE = 2 << 30  # bytes of a program
ARCHITECTURES = ("amd64", "arm64")
RECORD = re.compile(r"programs/(amd64|arm64)/nisse-([0-9][0-9.]{0,30})\.json")
_VERSION = re.compile(r"\d{1,6}(\.\d{1,6}){0,3}")
_PYTHON = re.compile(r"3\.\d{1,3}")
_HEX = re.compile(r"[0-9a-f]{64}")
_LONGEST_NOTES, _LONGEST_TEXT = 20_000, 200


@dataclass(frozen=True, kw_only=True)
class Program:
    """One version for one kind of machine."""

    version: str
    architecture: str
    size: int  # bytes of its file
    sha256: str
    python: str  # such as 3.13
    needs_system: str  # the oldest version of the system that it runs on
    reads: str  # the oldest version whose databases and settings it can read
    readable_by: str  # the oldest version that can read what it writes
    licence: str = ""
    notes: str = ""  # for the owner, plain text
    published: datetime | None = None
    rollout: Rollout = field(default_factory=Rollout)
    yanked: str = ""  # why the publisher has taken it back; empty: it stands

    @property
    def target(self) -> str:
        """Where the repository has its file."""
        return file_path(self.architecture, self.version)

    @property
    def chunks(self) -> str:
        """Where the repository has the list of its file's chunks."""
        return chunks_path(self.architecture, self.version)

    @property
    def record(self) -> str:
        """Where the repository has this record."""
        return record_path(self.architecture, self.version)

    def to_bytes(self) -> bytes:
        """The record, always the same bytes for the same program."""
        row = dataclasses.asdict(self) | {"format": FORMAT, "published": _text(self.published)}
        row["rollout"] |= {key: _text(row["rollout"][key]) for key in ("not_before", "not_after")}
        return (json.dumps(row, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def file_path(architecture: str, version: str) -> str:
    """Where the repository has a program."""
    return f"programs/{architecture}/nisse-{version}.raw"


def chunks_path(architecture: str, version: str) -> str:
    """Where the repository has the list of a program's chunks."""
    return f"{file_path(architecture, version)}.chunks"


def record_path(architecture: str, version: str) -> str:
    """Where the repository has a program's record."""
    return f"programs/{architecture}/nisse-{version}.json"


def read(data: bytes) -> Program:
    """The program that a record describes.

    Args:
        data: The file's content.

    Raises:
        RefusedError: `malformed`: it is no such record; the detail says where.
    """
    try:
        _demand(len(data) <= LARGEST, f"it has {len(data)} bytes")
        return parse(json.loads(data.decode("utf-8")))
    except SettingsError as wrong:
        raise RefusedError("malformed", str(wrong)) from wrong
    except (ValueError, RecursionError) as wrong:
        raise RefusedError("malformed", f"The record of a program is no JSON: {wrong}") from wrong


def parse(row: Any) -> Program:
    """The program that its maker describes.

    Raises:
        SettingsError: It cannot be; the message says why, to its maker.
    """
    _demand(isinstance(row, dict), "it is no table")
    _demand(
        type(row.get("format")) is int and row["format"] == FORMAT,
        f"its format {row.get('format')!r:.20} is not {FORMAT}",
    )
    known = {each.name for each in dataclasses.fields(Program)}
    values = {key: value for key, value in row.items() if key in known}
    _check_texts(values)
    values["published"] = _moment(values.get("published", ""))
    values["rollout"] = _rollout(values.get("rollout", {}))
    try:
        program = Program(**values)
    except TypeError as missing:
        raise SettingsError(f"The record of a program is wrong: {missing}.") from missing
    check(program)
    return program


def check(program: Program) -> None:
    """Looks at what no type says.

    Raises:
        SettingsError: Something contradicts itself; the message says what.
    """
    for name in ("version", "needs_system", "reads", "readable_by"):
        value = getattr(program, name)
        _demand(bool(_VERSION.fullmatch(value)), f"{name} = {value!r} is no version such as 0.5.1")
    _demand(program.architecture in ARCHITECTURES, f"nobody knows a machine {program.architecture!r}")
    _demand(bool(_PYTHON.fullmatch(program.python)), f"python = {program.python!r} is not such as 3.13")
    _demand(bool(_HEX.fullmatch(program.sha256)), "its sha256 is none")
    _demand(0 < program.size <= LARGEST_FILE, f"its file has {program.size} bytes")
    rollout = program.rollout
    _demand(0 <= rollout.percent <= 100, f"{rollout.percent} is no percentage")
    if rollout.not_before and rollout.not_after:
        _demand(rollout.not_before < rollout.not_after, "its roll-out ends before it begins")


def _check_texts(values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if name == "size":
            _demand(type(value) is int, f"size = {value!r:.50} is no number")
        elif name != "rollout":
            _demand(isinstance(value, str), f"{name} = {value!r:.50} is no text")
            longest = _LONGEST_NOTES if name in ("notes", "yanked") else _LONGEST_TEXT
            _demand(len(value) <= longest, f"{name} is too long")
            _demand("\x00" not in value, f"{name} holds a character that is none")


def _rollout(row: Any) -> Rollout:
    _demand(isinstance(row, dict), "its roll-out is no table")
    kinds = {"percent": int, "salt": str, "not_before": str, "not_after": str, "critical": bool}
    row = {name: value for name, value in row.items() if name in kinds}
    for name, value in row.items():
        _demand(type(value) is kinds[name], f"its roll-out has {name} = {value!r:.50}")
    _demand(len(row.get("salt", "")) <= 100, "its salt is too long")
    return Rollout(**{**row, **{key: _moment(row.get(key, "")) for key in ("not_before", "not_after")}})


def _moment(text: str) -> datetime | None:
    return read_time(text) if text else None


def _text(moment: datetime | None) -> str:
    return write_time(moment) if moment else ""


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SettingsError(f"The record of a program is wrong: {otherwise}.")
