"""The sets of models that serve: which chat model and which embedder belong together, and the one pointer that names the set in force.

    sets/12.json             one set; never changed once it is written
    sets/active -> 12.json   what serves
    sets/previous -> 9.json  what served before, to which one can go back

Owns: the form of a set, and changing the pointer: chat model and embedder change at one instant, by one rename.
Does not know: who decides on a set (the updates service alone writes here; the brain and recall read), nor where the files lie.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent import durable
from agent.errors import ConflictError, SettingsError
from agent.models import recorded
from agent.models.catalogue import ROLES, Model
from agent.models.shelf import writing

ORIGINS = (
    "house",
    "signed",
    "unsigned",
)  # the catalogue's and the settings' choice; a signed release; the owner's own file

_FOLDER = "sets"
_ACTIVE, _PREVIOUS = "active", "previous"
_NAME = re.compile(r"([1-9][0-9]{0,8})\.json")
_LONGEST = 1000  # characters of a reason
_FIELDS = {"seq", "origin", "chat", "embed", "made", "why", "releases"}


@dataclass(frozen=True, kw_only=True)
class ModelSet:
    """What serves together."""

    seq: int  # counts this house's sets
    origin: str  # one of ORIGINS
    chat: Model | None  # without sources; None: as if there were no set
    embed: Model | None
    made: str  # ISO 8601
    why: str  # a sentence for people
    releases: dict[str, int] = field(default_factory=dict)  # role -> number of the release it came with

    @property
    def models(self) -> tuple[Model, ...]:
        """Those it names."""
        return tuple(model for model in (self.chat, self.embed) if model)


class Sets:
    """The sets of one folder of models. One process writes, any number reads."""

    def __init__(self, folder: Path) -> None:
        """Uses the folder of models; it need not be there yet."""
        self.folder = folder / _FOLDER

    def serving(self) -> ModelSet | None:
        """What is to serve: the active set, or while that cannot be read, the one before; None: there never was a set."""
        return self.active() or self.previous()

    def active(self) -> ModelSet | None:
        """The set in force; None where there is none, or it is damaged."""
        return self._pointed(_ACTIVE)

    def previous(self) -> ModelSet | None:
        """The set to go back to; None where there is none, or it is damaged."""
        return self._pointed(_PREVIOUS)

    def get(self, seq: int) -> ModelSet | None:
        """A set by its number; None where there is none, or it is damaged."""
        return _read(self._path(seq))

    def all(self) -> list[ModelSet]:
        """Every set that can be read, the oldest first."""
        found = [self.get(seq) for seq in self._numbers()]
        return [one for one in found if one]

    def next_seq(self) -> int:
        """A number that no set has had."""
        return max([*self._numbers(), self._number(_ACTIVE), self._number(_PREVIOUS)], default=0) + 1

    def mark(self) -> tuple[object, ...]:
        """Something that is another whenever another set serves. Cheap: no file is opened."""
        return tuple(part for name in (_ACTIVE, _PREVIOUS) for part in _mark(self.folder / name))

    def write(self, new: ModelSet) -> None:
        """Keeps a set. It serves only after `switch`.

        Raises:
            ConflictError: There is another of its number.
            StorageError: The disk does not take it.
        """
        if self.get(new.seq) == new:
            return
        with writing():
            durable.make_folder(self.folder)
            if self.get(new.seq):
                raise ConflictError(f"There is another set of models with the number {new.seq}.")
            durable.write_sealed(self._path(new.seq), _row(new), mode=0o440)

    def switch(self, to: int, previous: int | None) -> None:
        """Puts a set in force.

        Args:
            to: Its number.
            previous: The number of the set to go back to from now on; None: what that was stays.

        Raises:
            ConflictError: One of the two cannot be read.
            StorageError: The disk does not take it; what was in force is so still.
        """
        for seq in (to, previous):
            if seq is not None and self.get(seq) is None:
                raise ConflictError(f"The set of models {seq} is not there, or is damaged.")
        order = [(_PREVIOUS, previous), (_ACTIVE, to)]
        if previous != self._number(_ACTIVE):
            order.reverse()  # what is in force becomes the way back first, so that no instant is without one
        with writing():
            for name, seq in order:
                if seq is not None:
                    durable.point(self.folder / name, f"{seq}.json")

    def remove(self, seq: int) -> None:
        """Forgets a set.

        Raises:
            ConflictError: It serves, or is the one to go back to.
            StorageError: The disk does not take it.
        """
        if seq in (self._number(_ACTIVE), self._number(_PREVIOUS)):
            raise ConflictError(f"The set of models {seq} is in use.")
        with writing():
            durable.remove(self._path(seq))

    def _path(self, seq: int) -> Path:
        return self.folder / f"{seq}.json"

    def _pointed(self, name: str) -> ModelSet | None:
        number = self._number(name)
        return self.get(number) if number else None

    def _number(self, name: str) -> int:
        """The number that a pointer names; 0 where it names none."""
        try:
            found = _NAME.fullmatch((self.folder / name).readlink().name)
        except (OSError, ValueError):
            return 0
        return int(found[1]) if found else 0

    def _numbers(self) -> list[int]:
        try:
            names = [path.name for path in self.folder.iterdir()]
        except OSError:
            return []
        return sorted(int(found[1]) for found in map(_NAME.fullmatch, names) if found)


def _mark(link: Path) -> tuple[object, ...]:
    try:
        target, status = link.readlink(), link.stat()
    except OSError:
        return (None,)
    return (str(target), status.st_ino, status.st_size, status.st_mtime_ns)


def _row(one: ModelSet) -> dict[str, Any]:
    row = {field.name: getattr(one, field.name) for field in dataclasses.fields(one)}
    return row | {role: recorded.to_json(row[role]) if row[role] else None for role in ROLES}


def _read(path: Path) -> ModelSet | None:
    """What a file says; None where it says nothing that can be believed."""
    row = durable.read_sealed(path)
    try:
        return _set(row, int(path.stem)) if row else None
    except SettingsError:
        return None


def _set(row: dict[str, Any], seq: int) -> ModelSet | None:
    if set(row) != _FIELDS:
        return None
    models = {role: recorded.from_json(row[role]) if row[role] is not None else None for role in ROLES}
    fits = all(model is None or model.role == role for role, model in models.items())
    sound = (
        row["seq"] == seq
        and row["origin"] in ORIGINS
        and all(isinstance(row[key], str) and len(row[key]) <= _LONGEST for key in ("made", "why"))
        and isinstance(row["releases"], dict)
        and all(key in ROLES and type(value) is int for key, value in row["releases"].items())
    )
    return ModelSet(**{**row, **models}) if fits and sound else None
