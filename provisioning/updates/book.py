"""What is remembered of updates over a power cut: where the present one stands, how earlier ones went, and what is still to be told.

    updates/state.json     written before each step
    updates/history.json   how the last ones went
    updates/letters.json   what the owner has yet to hear

Owns: the three files; each is there whole or not at all, and one whose content has changed by a bit counts as torn.
Does not know: what the steps are (`states`).
"""

from __future__ import annotations

import dataclasses
import fcntl
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import durable
from agent.errors import ConflictError
from agent.models.shelf import writing
from provisioning.updates import states
from provisioning.updates.states import Record

_MOST = 20  # that are remembered
_MOST_LETTERS = 50


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How an update went."""

    when: float  # seconds since 1970
    outcome: str  # committed, rolled_back or went_back
    seq: int
    title: str
    version: str
    reason: str = ""
    sentence: str = ""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """Something that the owner is to hear."""

    key: str  # the same is told once
    subject: str
    text: str
    at: float


class Book:
    """The files of one folder. Safe to use from several threads of one process."""

    def __init__(self, folder: Path, *, wrote: Callable[[Record], None] = lambda _record: None) -> None:
        """Uses the folder; it need not be there yet.

        Args:
            folder: `updates/` in the folder of models.
            wrote: Told after each record was written.
        """
        self._folder = folder
        self._wrote = wrote
        self._lock = threading.RLock()
        self._claimed: int | None = None  # the lock's file

    def claim(self) -> None:
        """Keeps every other process from writing here, for as long as this one lives.

        Raises:
            ConflictError: Another does already.
            StorageError: The disk does not take it.
        """
        if self._claimed is not None:
            return
        with writing():
            self._folder.mkdir(parents=True, exist_ok=True)
            file = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as held:
            os.close(file)
            raise ConflictError(
                "Another process updates the models of this folder.", retry_after=60
            ) from held
        self._claimed = file

    def record(self) -> Record | None:
        """Where the update stands; None where that is not known."""
        return states.read(durable.read_sealed(self._state))

    @property
    def torn(self) -> bool:
        """Whether there is a record that says nothing."""
        return self._state.exists() and self.record() is None

    def write(self, record: Record) -> None:
        """Remembers where the update stands.

        Raises:
            StorageError: The disk does not take it; what stood there stands.
        """
        with self._lock, writing():
            durable.write_sealed(self._state, record.to_json())
        self._wrote(record)

    def history(self) -> list[Ended]:
        """How the last ones went, the newest first."""
        return self._rows("history.json", Ended)

    def ended(self, how: Ended) -> None:
        """Remembers how one went; the same once more is no matter.

        Raises:
            StorageError: The disk does not take it.
        """
        with self._lock:
            same = dataclasses.replace(how, when=0.0)
            others = [each for each in self.history() if dataclasses.replace(each, when=0.0) != same]
            self._keep("history.json", [how, *others][:_MOST])

    def letters(self) -> list[Letter]:
        """What is still to be told, the oldest first."""
        return self._rows("letters.json", Letter)

    def tell(self, letter: Letter) -> None:
        """Has the owner told; the same key once more is no matter.

        Raises:
            StorageError: The disk does not take it.
        """
        with self._lock:
            letters = self.letters()
            if all(each.key != letter.key for each in letters):
                self._keep("letters.json", [*letters, letter][-_MOST_LETTERS:])

    def told(self, key: str) -> None:
        """The owner has been told.

        Raises:
            StorageError: The disk does not take it.
        """
        with self._lock:
            self._keep("letters.json", [each for each in self.letters() if each.key != key])

    @property
    def _state(self) -> Path:
        return self._folder / "state.json"

    def _rows(self, name: str, kind: Any) -> list[Any]:
        content = durable.read_sealed(self._folder / name) or {}
        try:
            return [kind(**row) for row in content.get("rows", [])]
        except TypeError:
            return []  # of another version of this house

    def _keep(self, name: str, rows: list[Any]) -> None:
        with writing():
            durable.write_sealed(
                self._folder / name, {"rows": [dataclasses.asdict(row) for row in rows]}, mode=0o600
            )
