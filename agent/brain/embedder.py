"""The embedder for those who call now and then: loaded when somebody does, its memory given back when nobody has for a while.

Owns: when it is loaded and unloaded, whose turn it is, and how many may wait.
Does not know: how a text becomes a vector (`agent/embed/`), nor OpenAI's JSON (`embeddings`).
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from agent.embed.embedding import Embedding
from agent.errors import ModelError, UnavailableError
from agent.models.catalogue import Model
from agent.models.shelf import Shelf

_TEXTS_AT_ONCE = 16  # between them it is seen that a client has hung up
_WAITING = 4  # callers; each holds one of the server's threads
_LOOK_S = 0.25
_KEPT_S = 300.0  # the model stays in memory so long after the last call


class Embedder:
    """One embedding model, one call at a time."""

    def __init__(
        self,
        shelf: Shelf,
        model: Model,
        *,
        kept: float = _KEPT_S,
        follow: Callable[[], Model | None] = lambda: None,
    ) -> None:
        """Loads nothing yet.

        Args:
            shelf: Where the model lies.
            model: The catalogue's embedding model.
            kept: Seconds after the last call until its memory is given back.
            follow: Which model it is now, where that may change; None: the one above.
        """
        self._first = self._held = model
        self._shelf = shelf
        self._follow = follow
        self._embedding = Embedding(shelf, model)
        self._kept = kept
        self._places = threading.BoundedSemaphore(1 + _WAITING)
        self._turn = threading.Lock()
        self._timer: threading.Timer | None = None

    @property
    def model(self) -> Model:
        """The model that embeds from the next call on."""
        return self._follow() or self._first

    @property
    def dimensions(self) -> int | None:
        """Length of its vectors; None while it is not in memory."""
        return self._embedding.dimensions

    def embed(
        self, texts: Sequence[str], gone: Callable[[], bool] = lambda: False
    ) -> tuple[list[Any], int] | None:
        """A row of 32-bit numbers a text, and the tokens read; None if the client hung up.

        Raises:
            UnavailableError: Too many wait already.
            ModelError: The embedder is not there, or does not load.
        """
        with self._my_turn(gone) as mine:
            if not mine:
                return None
            self._demand()
            rows: list[Any] = []
            tokens = 0
            for begin in range(0, len(texts), _TEXTS_AT_ONCE):
                if gone():
                    return None
                vectors, count = self._embedding.embed_whole(texts[begin : begin + _TEXTS_AT_ONCE])
                rows.extend(vectors)
                tokens += count
            return rows, tokens

    def close(self) -> None:
        """Gives the memory back now."""
        with self._turn:
            if self._timer:
                self._timer.cancel()
                self._timer = None
            self._unload()

    @contextlib.contextmanager
    def _my_turn(self, gone: Callable[[], bool]) -> Iterator[bool]:
        if not self._places.acquire(blocking=False):
            raise UnavailableError(
                f"{_WAITING} calls for embeddings wait already.", hint="Ask again soon.", retry_after=5
            )
        try:
            while not self._turn.acquire(timeout=_LOOK_S):
                if gone():
                    yield False
                    return
            try:
                yield True
            finally:
                self._forget_later()
                self._turn.release()
        finally:
            self._places.release()

    def _demand(self) -> None:
        if self.model != self._held:
            self._unload()
            self._held = self.model
            self._embedding = Embedding(self._shelf, self._held)
        if not self._embedding.load():
            raise ModelError(
                self._embedding.problem or f"{self.model.title} is not on the shelf yet.",
                hint="" if self._embedding.problem else f"POST /v1/models/{self.model.name}/fetch gets it.",
                retry_after=60,
            )

    def _forget_later(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = threading.Timer(self._kept, self._forget)
        self._timer.daemon = True
        self._timer.start()

    def _forget(self) -> None:
        with self._turn:
            if self._timer is threading.current_thread():  # else somebody came meanwhile, and set another
                self._unload()

    def _unload(self) -> None:
        self._embedding.unload()
        # glibc keeps what was freed, here some 300 MB; other libraries have no such call.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
