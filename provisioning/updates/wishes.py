"""Which models this house wants: its embedder, from the settings, and the chat model that the brain asks for.

Owns: asking the brain, again and again until it says.
Does not know: how the brain chooses, nor how models are fetched.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from agent import logs
from agent.errors import NisseError
from agent.models.catalogue import Catalogue, Model
from agent.wire.call import Client

_log = logging.getLogger(__name__)

_ASK_S = 5.0
_ASK_AGAIN_S = 60.0  # a setting may have changed


class Wishes:
    """Tells about the wanted models as soon as they are known."""

    def __init__(
        self, catalogue: Catalogue, brain: Client, embedder: str, tell: Callable[[list[Model]], None]
    ) -> None:
        """Does nothing yet; `start` does.

        Args:
            catalogue: All models.
            brain: Whom to ask for the chat model.
            embedder: Name of the embedding model; empty: none.
            tell: Called with models that are wanted; the same again is to be expected.
        """
        self._catalogue = catalogue
        self._brain = brain
        self._embedder = embedder
        self._tell = tell
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wishes", daemon=True)

    def start(self) -> None:
        """Begins. The embedder is small and known at once, so that it is fetched first."""
        if self._embedder:
            self._named(self._embedder)
        self._thread.start()

    def close(self) -> None:
        """Stops asking."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            pause = _ASK_AGAIN_S if self._ask() else _ASK_S

    def _ask(self) -> bool:
        try:
            wanted = self._brain.get("/info", timeout=_ASK_S).get("wanted")
        except NisseError:
            return False  # it may be starting
        if not wanted:
            return False
        self._named(str(wanted.get("name")))
        return True

    def _named(self, name: str) -> None:
        try:
            self._tell([self._catalogue.find(name)])
        except NisseError as unknown:
            logs.event(_log, "model.unknown", level=logging.WARNING, model=name, error=unknown)
