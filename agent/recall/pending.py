"""Embedding what is pending, in the background: new passages, and all of them when the model arrives or is another one.

Owns: the thread, its pace, and when it looks again.
Does not know: how passages came to be pending.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading

from agent import logs
from agent.embed.embedding import Embedding
from agent.errors import NisseError
from agent.recall import vectors
from agent.store import Store

_log = logging.getLogger(__name__)

_BATCH = 16  # passages a transaction: few enough to be found soon, enough to spare the card
_LOOK_S = 20.0  # between two looks for the model's files
_NICER = 10  # than those for whom somebody waits


class Pending:
    """The background worker of one database."""

    def __init__(self, store: Store, embedding: Embedding) -> None:
        self._store = store
        self._embedding = embedding
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
        with self._store.reading() as database:
            return vectors.count_pending(database)

    def embed_some(self) -> int:
        """Embeds one batch and returns its size; 0 where nothing waits or the model is not there.

        Raises:
            ModelError: The model fails at it.
            StorageError: The disk is full; the passages stay pending.
        """
        if not self._embedding.load() or self._embedding.dimensions is None:
            return 0
        with self._store.transaction() as database:
            if vectors.adopt(database, self._embedding.name, self._embedding.dimensions):
                logs.event(_log, "embedder.changed", embedder=self._embedding.name)
            waiting = vectors.pending(database, _BATCH)
        if not waiting:
            return 0
        made = {passage: self._embedding.embed(texts) for passage, texts in waiting}
        with self._store.transaction() as database:
            vectors.put(database, self._embedding.name, made)
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
