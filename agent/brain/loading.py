"""Getting a model into memory: choosing it, waiting for its file, stepping down when it does not load.

Owns: the thread that does this, and the state that people are told meanwhile.
Does not know: how files come onto the shelf (the updates service fetches them), nor what is asked of the model.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

from agent import logs, registry
from agent.brain import Runtime, fit
from agent.errors import ModelError, NisseError
from agent.models.catalogue import Catalogue, Model
from agent.models.shelf import Shelf

_log = logging.getLogger(__name__)

_POLL_S = 2.0
_AGAIN_S = 60.0  # after no model at all would load


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the settings and the box ask for."""

    named: str  # empty: the largest that fits
    memory: int  # MB of the box
    reserve: int  # MB
    context: int  # tokens
    threads: int


@dataclass(frozen=True)
class Loaded:
    """A model that answers."""

    model: Model
    runtime: Runtime


class Loader:
    """Brings one model to answer, in the background, and knows how far it is."""

    def __init__(self, catalogue: Catalogue, shelf: Shelf, wish: Wish) -> None:
        """Does nothing yet; `start` does."""
        self.catalogue = catalogue
        self.shelf = shelf
        self._wish = wish
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loading", daemon=True)
        self.loaded: Loaded | None = None
        self.wanted: Model | None = None
        self.loading = False
        self.seconds = 0.0  # that the loading took
        self.state = "I am looking which model suits this box."

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def close(self) -> None:
        """Ends the waiting and gives the model's memory back."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=60)
        if self.loaded:
            self.loaded.runtime.close()
            self.loaded = None

    def demand(self) -> Loaded:
        """The model that answers.

        Raises:
            ModelError: None does yet; the message says why.
        """
        if self.loaded is None:
            raise ModelError(self.state, hint="Try again in a while.", retry_after=5)
        return self.loaded

    def info(self) -> dict[str, Any]:
        """How far it is, for `/info`."""
        wanted, loaded = self.wanted, self.loaded
        return {
            "ready": loaded is not None,
            "state": self.state,
            "model": loaded.model.name if loaded else None,
            "wanted": self._describe(wanted) if wanted else None,
            "loading": self.loading,
            "context": loaded.runtime.context if loaded else None,
            "threads": loaded.runtime.threads if loaded else None,
            "load_seconds": round(self.seconds, 2),
        }

    def _describe(self, model: Model) -> dict[str, Any]:
        return {
            "name": model.name,
            "title": model.title,
            "filename": model.files[0].name,
            "size": model.size,
            "installed": self.shelf.installed(model),
        }

    def _run(self) -> None:
        try:
            choice = fit.choose(
                self.catalogue,
                memory=self._wish.memory,
                reserve=self._wish.reserve,
                context=self._wish.context,
                named=self._wish.named,
            )
        except NisseError as wrong:
            self.state = str(wrong)
            logs.event(_log, "model.unknown", level=logging.ERROR, error=wrong)
            return
        self.wanted = choice.model
        logs.event(_log, "model.chosen", model=choice.model.name, why=choice.why)
        self.shelf.adopt(choice.model)
        while not self._stop.is_set() and self.loaded is None:
            self._await_file(choice.model)
            self._load_first_that_loads(choice)
            if self.loaded is None:
                self._stop.wait(_AGAIN_S)

    def _await_file(self, model: Model) -> None:
        while not self.shelf.installed(model):
            self.state = (
                f"I wait for the model {model.title} ({model.size // 1_000_000} MB), which is not here yet."
            )
            if self._stop.wait(_POLL_S):
                return

    def _load_first_that_loads(self, choice: fit.Choice) -> None:
        troubles = []
        for model in (choice.model, *fit.smaller(self.catalogue, choice.model)):
            if self._stop.is_set() or not self.shelf.installed(model):
                continue
            try:
                self._load(model)
            except NisseError as failed:
                logs.event(_log, "model.broke", level=logging.ERROR, model=model.name, error=failed)
                troubles.append(failed.message)
                self.state = f"{failed.message} I try a smaller model."
                continue
            why = choice.why if not troubles else f"I stepped down to it: {' '.join(troubles)}"
            self.state = f"{model.title} answers. {why}"
            return
        if troubles:
            self.state = f"No model loads. {' '.join(troubles)}"

    def _load(self, model: Model) -> None:
        self.state, self.loading = f"{model.title} is being loaded.", True
        begun = time.perf_counter()
        try:
            path = self.shelf.path(model)
            kind = registry.load("agent.brain", path.suffix.lstrip(".").lower())
            context = min(self._wish.context, model.context)
            runtime: Runtime = kind.Runtime(path, context=context, threads=self._wish.threads)
        except ImportError as missing:
            raise ModelError(f"The library for {model.title} is missing: {missing}.") from missing
        finally:
            self.loading = False
        self.seconds = time.perf_counter() - begun
        self.loaded = Loaded(model, runtime)
        logs.event(_log, "model.loaded", model=model.name, seconds=round(self.seconds, 2))
