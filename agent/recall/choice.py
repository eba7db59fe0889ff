"""Which embedder searches: that of the set of models in use, else that of the settings.

Owns: noticing that another set is in use, and loading its embedder at that moment.
Does not know: who changes the set (the updates service does), nor what a vector is used for.

The set names the chat model and the embedder together, so both change at one instant; looking whether it changed costs one `stat`.
"""

from __future__ import annotations

import logging
import threading

from agent import logs
from agent.embed.embedding import Embedding, name_of
from agent.errors import StorageError
from agent.models.catalogue import Model
from agent.models.sets import Sets
from agent.models.shelf import Shelf
from agent.recall import indexes
from agent.store import Store

_log = logging.getLogger(__name__)


class Choice:
    """The embedder in use. Safe to use from several threads, but not by who holds the database."""

    def __init__(self, store: Store, shelf: Shelf, own: Model, *, obeys_sets: bool = True) -> None:
        """Looks which embedder it is; nothing is loaded yet.

        Args:
            store: Where its index is kept.
            shelf: Where models lie.
            own: The embedder of the settings.
            obeys_sets: Whether a set of models decides; not where the owner named an embedder in the settings.
        """
        self._store = store
        self._shelf = shelf
        self._own = own
        self._sets = Sets(shelf.folder) if obeys_sets else None
        self._lock = threading.Lock()
        self._mark = self._sets.mark() if self._sets else None
        self._embedding = self._made(self._model())

    def present(self) -> Embedding:
        """The embedder that searches now."""
        mark = self._sets.mark() if self._sets else None
        with self._lock:
            if mark != self._mark:
                self._follow(self._model())
                self._mark = mark
            return self._embedding

    def needed(self) -> frozenset[str]:
        """The names of the embedders whose indexes are not to be given up: in use now, and before that."""
        before = self.before()
        return frozenset({self.present().name, *([before] if before else [])})

    def before(self) -> str:
        """The name of the embedder of the set before this one; empty: there is none, or it is the same."""
        previous = self._sets.previous() if self._sets else None
        name = name_of(previous.embed) if previous and previous.embed else ""
        return "" if name == self.present().name else name

    def _model(self) -> Model:
        serving = self._sets.serving() if self._sets else None
        return serving.embed if serving and serving.embed else self._own

    def _follow(self, model: Model) -> None:
        if name_of(model) == self._embedding.name:
            return
        embedding = self._made(model)
        logs.event(_log, "embedder.changed", embedder=embedding.name, before=self._embedding.name)
        embedding.load()  # now, not at the background's next look: this question is to be answered by it
        self._embedding = embedding

    def _made(self, model: Model) -> Embedding:
        embedding = Embedding(self._shelf, model)
        try:
            with self._store.transaction() as database:
                previous = self._sets.previous() if self._sets else None
                before = name_of(previous.embed) if previous and previous.embed else ""
                indexes.ensure(database, embedding.name, needed={before})
        except StorageError as full:
            # Words are searched on; the background makes the index once there is room.
            logs.event(_log, "index.not_made", level=logging.WARNING, why=full)
        return embedding
