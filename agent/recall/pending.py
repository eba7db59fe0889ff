"""Embedding what is pending, in the background: new passages, and all of them when the model arrives or is another one.

Owns: the thread, its pace, and when it looks again.
Does not know: how passages came to be pending, nor of any index but the one in use (`preparing` makes others).
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading

from agent import logs
from agent.errors import NisseError
from agent.recall import indexes, vectors
from agent.recall.choice import Choice
from agent.store import Store

_log = logging.getLogger(__name__)

_BATCH = 16  # passages a transaction: few enough to be found soon, enough to spare the card
_LOOK_S = 20.0  # between two looks for the model's files
_NICER = 10  # than those for whom somebody waits


class Pending:
    """The background worker of one database."""

    def __init__(self, store: Store, choice: Choice) -> None:
        self._store = store
        self._choice = choice
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="pending", daemon=True)

    def start(self) -> None:
        """Begins to work."""
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

    def count(self) -> int:
        """How many passages wait."""
        name = self._choice.present().name
        with self._store.reading() as database:
            return indexes.waiting(database, indexes.find(database, name))

    def embed_some(self) -> int:
        """Embeds one batch and returns its size; 0 where nothing waits or the model is not there.

        Raises:
            ModelError: The model fails at it.
            StorageError: The disk is full; the passages stay pending.
        """
        embedding = self._choice.present()
        if not embedding.load() or embedding.dimensions is None:
            return 0
        needed = self._choice.needed()
        with self._store.transaction() as database:
            index = indexes.ensure(database, embedding.name, needed=needed)
            index = indexes.measure_out(database, index, embedding.dimensions)
            waiting = vectors.pending(database, index, _BATCH)
        if not waiting:
            return 0
        made = {passage: embedding.embed(texts) for passage, texts in waiting}
        with self._store.transaction() as database:
            vectors.put(database, index, made)
        return len(waiting)

    def _work(self) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICER)
        while not self._stop.is_set():
            self._wake.clear()
            try:
                while self.embed_some() and not self._stop.is_set():
                    pass
            except NisseError as failed:
                logs.event(_log, "pending.failed", level=logging.WARNING, error=failed)
            self._wake.wait(_LOOK_S)
