"""Which models this house wants: its embedder, from the settings, the chat model that the brain asks for, and what is wished on the shelf.

Owns: asking the brain, again and again until it says, and looking at the shelf.
Does not know: how the brain chooses, who wishes, nor how models are fetched.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Container

from agent import logs
from agent.errors import NisseError
from agent.models.catalogue import Catalogue
from agent.models.sets import Sets
from agent.models.shelf import Shelf
from agent.models.wanted import wished
from agent.wire.call import Client
from provisioning.updates.fetching import Fetcher

_log = logging.getLogger(__name__)

_LOOK_S = 2.0  # between looks at the shelf: a few file names
_ASK_S = 5.0
_ASK_AGAIN_S = 60.0  # a setting may have changed


class Wishes:
    """Tells the fetcher about the wanted models as soon as they are known."""

    def __init__(
        self, catalogue: Catalogue, shelf: Shelf, fetcher: Fetcher, *, brain: Client, embedder: str
    ) -> None:
        """Does nothing yet; `start` does.

        Args:
            catalogue: All models.
            shelf: Where wishes lie.
            fetcher: Whom to tell.
            brain: Whom to ask for the chat model.
            embedder: Name of the embedding model; empty: none.
        """
        self._catalogue = catalogue
        self._shelf = shelf
        self._sets = Sets(shelf.folder)
        self._fetcher = fetcher
        self._brain = brain
        self._embedder = embedder
        self._asked = ""  # the chat model that the brain asks for
        self._wished: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wishes", daemon=True)

    def start(self) -> None:
        """Begins. The embedder is small and known at once, so that it is fetched first."""
        if self._embedder:
            self._want(self._embedder)
        self._thread.start()

    def close(self) -> None:
        """Stops asking."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        ask_at, pause = time.monotonic(), 0.0
        while not self._stop.wait(pause):
            pause = _LOOK_S
            try:
                self._look()
                if time.monotonic() >= ask_at:
                    ask_at = time.monotonic() + _ASK_S
                    if self._ask():
                        ask_at = time.monotonic() + _ASK_AGAIN_S
            except Exception:  # noqa: BLE001 - without this thread no wish would be seen until the next start
                _log.exception("wishes.broke")
                pause = _ASK_AGAIN_S

    def _look(self) -> None:
        found = wished(self._catalogue.models, self._shelf)
        for model in self._catalogue.models:
            if model.name in found and found[model.name] != self._wished.get(model.name):
                logs.event(_log, "model.wished", model=model.name)
                self._fetcher.want([model], now=True)
        gone = self._wished.keys() - found.keys()
        self._wished = found
        self._let_go(gone)

    def _ask(self) -> bool:
        try:
            wanted = self._brain.get("/info", timeout=_ASK_S).get("wanted")
        except NisseError:
            return False  # it may be starting
        if not wanted:
            return False
        self._asked = str(wanted.get("name"))
        self._want(self._asked)
        # Now all is known that the house wants; the others may have been wanted before our start.
        self._let_go({model.name for model in self._catalogue.models})
        return True

    def _let_go(self, names: Container[str]) -> None:
        """These are no longer wanted for one reason; if there is no other, they need not come."""
        kept = {self._embedder, self._asked, *self._wished}
        for model in self._catalogue.models:
            if model.name in names and model.name not in kept:
                self._fetcher.give_up(model)

    def _want(self, name: str) -> None:
        if self._sets.serving():
            # What serves may have come as an update, which is no matter of the catalogue's.
            known = {model.name for model in self._catalogue.models}
            if name not in known:
                return
        try:
            self._fetcher.want([self._catalogue.find(name)])
        except NisseError as unknown:
            logs.event(_log, "model.unknown", level=logging.WARNING, model=name, error=unknown)
