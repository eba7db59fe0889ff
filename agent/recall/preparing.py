"""A second index beside the one in use, made in the background for an embedder that may take over.

Owns: which embedder was asked for, the thread, its budget, how far each index is, and why one cannot be made.
Does not know: who asks (the updates service does), nor when the embedder takes over (`choice` sees that).

The embedder works in a process of its own (`apart`). What is asked for stands in the database, so that a restart goes on with it. When
all is there, new passages are added until the embedder takes over or its index is taken away.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass

from agent import logs
from agent.embed.embedding import name_of
from agent.errors import ModelError, NisseError, RequestError, StorageError
from agent.models import recorded
from agent.models.catalogue import Model
from agent.models.shelf import Shelf
from agent.recall import indexes, relevance, unrelated, vectors
from agent.recall.apart import Apart
from agent.recall.choice import Choice
from agent.recall.indexes import Index
from agent.recall.relevance import Floor
from agent.store import Store

_log = logging.getLogger(__name__)

_BATCH = 16  # passages
_SHARE = 0.5  # of the time in which it works; the rest of one core is for those who ask
_LOOK_S = 20.0
_PAUSE_S = 5.0
_TRIES = 3
_WINDOWS_A_PASSAGE = 3
_BYTES_A_NUMBER = 4
_GROWTH = 1.5  # of the tables around the vectors


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far one index is."""

    embedder: str  # the name under which its vectors are kept
    model: str
    state: str  # active, previous, preparing, ready, failed, or unused
    done: int  # passages
    total: int
    problem: str  # why it failed, a sentence


class Preparing:
    """The indexes of one database, and the background that makes what was asked for."""

    def __init__(self, store: Store, shelf: Shelf, choice: Choice, *, share: float = _SHARE) -> None:
        """Does nothing yet; `start` does.

        Args:
            store: Where the passages and the indexes are.
            shelf: Where models lie.
            choice: Knows which embedder is in use.
            share: Of its time that it works.
        """
        self._store = store
        self._shelf = shelf
        self._choice = choice
        self._share = share
        self._failures: dict[str, int] = {}
        self._problems: dict[str, str] = {}
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="preparing", daemon=True)

    def start(self) -> None:
        """Goes on with what was asked for before."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the batch at hand."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        """Says that there may be something to do."""
        self._wake.set()

    def ask(self, model: Model, *, again: bool = False) -> None:
        """Has an index made for this embedder; a repeat is harmless.

        Args:
            model: The embedder.
            again: Also if it failed before; else what failed stays so until it is taken away, or until the next start.

        Raises:
            RequestError: It is no embedder.
            ModelError: Its files are not on the shelf.
            StorageError: The disk is full.
        """
        if model.role != "embed":
            raise RequestError(f"{model.title} is no embedding model.", param="embedder")
        if not self._shelf.installed(model):
            raise ModelError(f"{model.title} is not on the shelf.", hint="Fetch it first.")
        name, needed, in_use = name_of(model), self._choice.needed(), self._choice.present().name
        with self._store.transaction() as database:
            index = indexes.ensure(database, name, needed=needed)
            record = json.dumps(recorded.to_json(model))
            if name != in_use and index.record != record:
                indexes.prepare(database, index, record)
        if again:
            self._forgive(name)
        self.wake()

    def drop(self, name: str) -> None:
        """Takes an embedder's index away.

        Raises:
            NotFoundError: There is none.
            ConflictError: It is in use.
            StorageError: The disk is full.
        """
        in_use = self._choice.present().name
        with self._store.transaction() as database:
            indexes.drop(database, name, needed={in_use})
        self._forgive(name)

    def progress(self) -> list[Progress]:
        """Every index, the oldest first."""
        with self._store.reading() as database:
            total = indexes.total(database)
            found = [(index, indexes.waiting(database, index)) for index in indexes.everything(database)]
        return [
            Progress(
                embedder=index.embedder,
                model=index.embedder.rpartition("@")[0],
                state=self._state(index, waiting),
                done=max(0, total - waiting),
                total=total,
                problem=self._problems.get(index.embedder, ""),
            )
            for index, waiting in found
        ]

    def make_next(self) -> bool:
        """Makes one index that was asked for, as far as it goes; whether there was one."""
        index = self._next()
        if index is None:
            return False
        try:
            self._make(index)
        except NisseError as failed:
            self._note(index.embedder, failed)
        return True

    def _work(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                while not self._stop.is_set() and self.make_next():
                    self._stop.wait(_PAUSE_S)  # what failed for want of memory finds some more a moment later
            except Exception as broken:  # noqa: BLE001 - a thread that ended would be missed until the next start
                _log.error("preparing.broke", exc_info=broken)
            self._wake.wait(_LOOK_S)

    def _next(self) -> Index | None:
        in_use = self._choice.present().name
        with self._store.reading() as database:
            asked = [index for index in indexes.everything(database) if index.record]
            open_ones = [
                index
                for index in asked
                if index.embedder not in (in_use, *self._problems)
                # Also what has no passage before it yet is loaded once: that is its proof.
                and (indexes.waiting(database, index) or not index.dimensions)
            ]
        return open_ones[0] if open_ones else None

    def _make(self, index: Index) -> None:
        model = recorded.from_json(json.loads(index.record))
        if not self._shelf.installed(model):
            raise ModelError(f"{model.title} is not on the shelf any more.")
        with Apart(self._shelf.path(model)) as embedder:
            self._demand_room(index, embedder.dimensions)
            floor = self._floor(embedder) if index.dimensions != embedder.dimensions else None
            with self._store.transaction() as database:
                index = indexes.measure_out(database, index, embedder.dimensions)
                if floor:
                    indexes.set_floor(database, index, floor)
            while self._is_wanted(index) and not self._stop.is_set():
                began = time.monotonic()
                if not self._embed_some(index, embedder):
                    break
                self._stop.wait((time.monotonic() - began) * (1 - self._share) / self._share)
        logs.event(_log, "index.made", embedder=index.embedder)

    def _floor(self, embedder: Apart) -> Floor | None:
        """What a cosine is worth with it, measured once; None where the one in use is not there to be compared with."""
        present = self._choice.present()
        if not present.load():
            return None
        with self._store.reading() as database:
            in_use = indexes.find(database, present.name)
        before = unrelated.background(present.embed)
        after = unrelated.background(embedder.embed)
        return relevance.carried_over(in_use.floor if in_use else Floor(), before, after)

    def _embed_some(self, index: Index, embedder: Apart) -> int:
        with self._store.reading() as database:
            waiting = vectors.pending(database, index, _BATCH)
        made = {passage: embedder.embed(texts) for passage, texts in waiting}
        with self._store.transaction() as database:
            if indexes.find(
                database, index.embedder
            ):  # else it was taken away meanwhile, and its table with it
                vectors.put(database, index, made)
        return len(waiting)

    def _is_wanted(self, index: Index) -> bool:
        with self._store.reading() as database:
            known = indexes.find(database, index.embedder)
        return known is not None and index.embedder != self._choice.present().name

    def _demand_room(self, index: Index, dimensions: int) -> None:
        with self._store.reading() as database:
            waiting = indexes.waiting(database, index)
        need = int(waiting * _WINDOWS_A_PASSAGE * dimensions * _BYTES_A_NUMBER * _GROWTH)
        if self._store.room() < need:
            raise StorageError(
                f"The disk has no room for a second index; it needs {need // 1_000_000} MB.",
                hint="Make room on the box, then try again.",
            )

    def _note(self, name: str, failed: NisseError) -> None:
        """A model that breaks down is tried again, as the box may have been out of memory; a full disk is told at once."""
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        logs.event(_log, "index.failed", level=logging.WARNING, embedder=name, failures=failures, why=failed)
        if failures >= _TRIES or isinstance(failed, StorageError):
            self._problems[name] = str(failed)

    def _forgive(self, name: str) -> None:
        for known in (self._failures, self._problems):
            known.pop(name, None)

    def _state(self, index: Index, waiting: int) -> str:
        if index.embedder == self._choice.present().name:
            return "active"
        if index.embedder in self._problems:
            return "failed"
        if index.record:
            return "preparing" if waiting or not index.dimensions else "ready"
        return "previous" if index.embedder == self._choice.before() else "unused"
