"""One release: a model that is offered to boxes, for which of them, and what it must show in its trial.

Owns: the record `models/<seq>/release.json`, its writing and its strict reading.
Does not know: whether it is signed (`metadata`), whether it suits this box (`trust`), nor how it was made (`provisioning/release`).
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, TypeVar

from agent.errors import SettingsError
from agent.models import recorded
from agent.models.catalogue import Model
from provisioning.updates.refusals import RefusedError

FORMAT = 1
LARGEST = 256 << 10  # bytes of the whole record
LARGEST_SEQ = 1 << 31
_NAMES = {".gguf", ".json", ".model", ".onnx", ".txt"}  # how a file of a model may end: none is a program
_VERSION = re.compile(r"\d{1,6}(\.\d{1,6}){0,3}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_LONGEST_TEXT = 20_000
_MOST_PROBES = 32
_LARGEST_NUMBER = 1 << 31
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class ReleasedFile:
    """One of the model's files, and where the repository has it."""

    name: str
    size: int  # bytes
    sha256: str
    target: str  # its path in the repository
    chunks: str  # that of the list of its chunks


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """Whose turn it is, and when."""

    percent: int = 100  # of the boxes
    salt: str = ""  # so that not always the same boxes are first
    not_before: datetime | None = None
    not_after: datetime | None = None
    critical: bool = False  # shortens the waiting; never overrules an owner who wants no updates


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One thing that the model must do right before it serves."""

    prompt: str
    must_match: tuple[str, ...] = ()  # regular expressions; each must be found in the answer
    near: str = ""  # for an embedder: the prompt must lie nearer to this text
    far: str = ""  # than to this


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the model's publisher promises; 0: nothing."""

    max_first_token_s: float = 0.0
    minimum_speed: float = 0.0  # tokens a second, as a part of the present model's
    max_rss_mb: int = 0
    embed_dim: int = 0


@dataclass(frozen=True, kw_only=True)
class Release:
    """One release."""

    seq: int  # grows over all releases of a repository
    model: Model
    version: str
    published: datetime | None = None
    notes: str = ""  # for the owner, plain text
    min_ram_mb: int = 0
    max_ram_mb: int = 0  # 0: any
    min_agent: str = "0"
    rollout: Rollout = field(default_factory=Rollout)
    probes: tuple[Probe, ...] = ()
    limits: Limits = field(default_factory=Limits)
    security_floor: int = 0  # the lowest seq of this role that may still serve
    yanked: str = ""  # why the publisher has taken it back; empty: it stands

    @property
    def role(self) -> str:
        """Chat or embed."""
        return self.model.role

    @property
    def licence(self) -> str:
        """SPDX."""
        return self.model.licence

    @property
    def files(self) -> tuple[ReleasedFile, ...]:
        """The files with their places in the repository; what the runtime opens stands first."""
        return tuple(
            ReleasedFile(
                name=file.name,
                size=file.size,
                sha256=file.sha256,
                target=file_path(self.seq, file.name),
                chunks=chunks_path(self.seq, file.name),
            )
            for file in self.model.files
        )

    def to_json(self) -> dict[str, Any]:
        """The record, as JSON decodes it."""
        row = {key: value for key, value in dataclasses.asdict(self).items() if key != "model"}
        row["rollout"] |= {key: _time_or_none(row["rollout"][key]) for key in ("not_before", "not_after")}
        row["probes"] = [probe | {"must_match": list(probe["must_match"])} for probe in row["probes"]]
        row["published"] = _time_or_none(self.published)
        return row | {"format": FORMAT, "model": recorded.to_json(self.model)}

    def to_bytes(self) -> bytes:
        """The record, always the same bytes for the same release."""
        row = self.to_json()
        return (json.dumps(row, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def record_path(seq: int) -> str:
    """Where the repository has a release's record."""
    return f"models/{seq}/release.json"


def file_path(seq: int, name: str) -> str:
    """Where the repository has a file of a release."""
    return f"models/{seq}/{name}"


def chunks_path(seq: int, name: str) -> str:
    """Where the repository has the list of a file's chunks."""
    return f"models/{seq}/{name}.chunks"


def read(data: bytes) -> Release:
    """The release that a record describes.

    Args:
        data: The file's content.

    Raises:
        RefusedError: `malformed`: it is no such record; the detail says where.
    """
    try:
        _demand(len(data) <= LARGEST, f"it has {len(data)} bytes")
        return from_json(json.loads(data.decode("utf-8")))
    except SettingsError as wrong:
        raise RefusedError("malformed", f"release.json: {wrong}") from wrong
    except (ValueError, RecursionError) as wrong:
        raise RefusedError("malformed", f"release.json is no JSON: {wrong}") from wrong


def from_json(row: Any) -> Release:
    """The release that a decoded record describes.

    Raises:
        RefusedError: `malformed`: it is no such record; the detail says where.
    """
    try:
        return parse(row)
    except SettingsError as wrong:
        raise RefusedError("malformed", f"release.json: {wrong}") from wrong


def parse(row: Any) -> Release:
    """The release that its maker describes.

    Raises:
        SettingsError: It cannot be; the message says why, to its maker.
    """
    _demand(isinstance(row, dict), "it is no table")
    _demand(row.get("format") == FORMAT, f"its format {row.get('format')!r} is not {FORMAT}")
    probes = row.get("probes", [])
    _demand(isinstance(probes, list) and len(probes) <= _MOST_PROBES, "its probes are no short list")
    values = {key: value for key, value in row.items() if key != "format"}
    release = _record(
        Release,
        values
        | {
            "model": recorded.from_json(row.get("model")),
            "published": _read_time_or_none(row.get("published", "")),
            "rollout": _rollout(row.get("rollout", {})),
            "probes": tuple(_probe(probe) for probe in probes),
            "limits": _record(Limits, row.get("limits", {})),
        },
    )
    check(release)
    return release


def check(release: Release) -> None:
    """Looks at what no type says.

    Raises:
        SettingsError: Something contradicts itself; the message says what.
    """
    _demand(0 < release.seq <= LARGEST_SEQ, f"seq = {release.seq}")
    _demand(0 <= release.security_floor <= release.seq, "its security floor lies above itself")
    for version in (release.version, release.min_agent):
        _demand(bool(_VERSION.fullmatch(version)), f"{version!r} is no version such as 1.2")
    for file in release.model.files:
        _demand(PurePosixPath(file.name).suffix in _NAMES, f"{file.name} is no kind of file that a model has")
        _demand(file.name != "release.json", "no file of a model may be called release.json")
    first = release.model.files[0].name
    _demand(
        release.role != "chat" or first.endswith(".gguf"), f"{first} is not what a chat model is opened by"
    )
    _demand(not release.max_ram_mb or release.min_ram_mb <= release.max_ram_mb, "it is for no size of memory")
    _check_rollout(release.rollout)
    _check_probes(release)


def read_time(text: str) -> datetime:
    """A moment such as 2026-11-21T00:00:00Z.

    Raises:
        SettingsError: It is none.
    """
    _demand(bool(_TIME.fullmatch(text)), f"{text!r} is no moment such as 2026-11-21T00:00:00Z")
    try:
        return datetime.fromisoformat(text)
    except ValueError as wrong:
        raise SettingsError(f"The record of a release is wrong: {text!r} is no moment: {wrong}.") from wrong


def write_time(moment: datetime) -> str:
    """The text of a moment."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time_or_none(moment: datetime | None) -> str:
    return write_time(moment) if moment else ""


def _read_time_or_none(text: Any) -> datetime | None:
    _demand(isinstance(text, str), f"{text!r:.100} is no moment")
    return read_time(text) if text else None


def _rollout(row: Any) -> Rollout:
    _demand(isinstance(row, dict), "its roll-out is no table")
    times = {key: _read_time_or_none(row.get(key, "")) for key in ("not_before", "not_after")}
    return _record(Rollout, row | times)


def _probe(row: Any) -> Probe:
    _demand(isinstance(row, dict), "a probe is no table")
    patterns = row.get("must_match", [])
    _demand(isinstance(patterns, list) and len(patterns) <= _MOST_PROBES, "must_match is no short list")
    _demand(
        all(isinstance(pattern, str) and len(pattern) <= 500 for pattern in patterns), "a pattern is too long"
    )
    return _record(Probe, row | {"must_match": tuple(patterns)})


def _check_rollout(rollout: Rollout) -> None:
    _demand(0 <= rollout.percent <= 100, f"{rollout.percent} is no percentage")
    _demand(len(rollout.salt) <= 100, "its salt is too long")
    if rollout.not_before and rollout.not_after:
        _demand(rollout.not_before < rollout.not_after, "its roll-out ends before it begins")


def _check_probes(release: Release) -> None:
    _demand(0 <= release.limits.minimum_speed <= 10, "minimum_speed is a part of the present model's speed")
    for probe in release.probes:
        _demand(bool(probe.prompt), "a probe asks nothing")
        if release.role == "embed":
            _demand(
                bool(probe.near and probe.far) and not probe.must_match,
                "an embedder's probe has near and far",
            )
        else:
            _demand(bool(probe.must_match) and not (probe.near or probe.far), "a probe accepts any answer")
        for pattern in probe.must_match:
            try:
                re.compile(pattern)
            except (re.error, RecursionError, OverflowError) as wrong:
                raise SettingsError(f"The record of a release is wrong: {pattern!r}: {wrong}.") from wrong


def _record(kind: type[_T], row: Any) -> _T:
    """A record from a table whose values have exactly the declared types and sane sizes."""
    _demand(isinstance(row, dict), f"{kind.__name__} is no table")
    fields = {each.name: each for each in dataclasses.fields(kind)}  # type: ignore[arg-type]
    _demand(set(row) <= set(fields), f"{kind.__name__} has no {sorted(set(row) - set(fields))}")
    for name, value in row.items():
        _check_value(name, value, str(fields[name].type))
    return _built(kind, row)


def _check_value(name: str, value: Any, kind: str) -> None:
    expected = {"str": (str,), "int": (int,), "bool": (bool,), "float": (int, float)}.get(kind)
    if expected is None:
        return
    _demand(type(value) in expected, f"{name} = {value!r:.100} is no {kind}")
    if kind in ("int", "float"):
        # Not a number compares as false, so that it is refused too.
        _demand(0 <= value <= _LARGEST_NUMBER, f"{name} = {value!r} is out of range")
    elif kind == "str":
        _demand(len(value) <= _LONGEST_TEXT, f"{name} is too long")
        _demand("\x00" not in value, f"{name} holds a character that is none")


def _built(kind: type[_T], row: Mapping[str, Any]) -> _T:
    try:
        return kind(**row)
    except TypeError as missing:
        raise SettingsError(f"The record of a release is wrong: {missing}.") from missing


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SettingsError(f"The record of a release is wrong: {otherwise}.")
