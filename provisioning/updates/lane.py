"""Models and Nisse itself never change at the same time, and share one line: a trial would not know which of the two it judges.

Owns: whose turn it is, and the sentence for who waits.
Does not know: what either does. Both machines belong to one process.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from provisioning.updates.pausing import PausedError

WhyNot = Callable[[], str]  # a sentence; empty: nothing is in the way


class Lane:
    """One lane for both. Whoever is not in it yet waits; whoever is in it never does, so that they cannot wait for each other."""

    def __init__(self) -> None:
        """Nobody is in it."""
        self._step = threading.Lock()  # held while a step is taken that uses the line or tries something
        self.model_on_trial: WhyNot = lambda: ""
        self.program_on_trial: WhyNot = lambda: ""

    @contextlib.contextmanager
    def for_model(self) -> Iterator[None]:
        """A step of a model's update.

        Raises:
            PausedError: Nisse itself is being updated.
        """
        with self._held("Nisse itself is being fetched; models come after that."):
            why = self.program_on_trial()
            if why:
                raise PausedError(why)
            yield

    @contextlib.contextmanager
    def for_program(self, *, hand_over: bool = False) -> Iterator[None]:
        """A step of an update of Nisse.

        Args:
            hand_over: It is the last one before root tries it.

        Raises:
            PausedError: A model is being updated.
        """
        with self._held("A model is being updated; Nisse itself comes after that."):
            why = self.model_on_trial() if hand_over else ""
            if why:
                raise PausedError(why)
            yield

    @contextlib.contextmanager
    def _held(self, otherwise: str) -> Iterator[None]:
        if not self._step.acquire(blocking=False):
            raise PausedError(otherwise)
        try:
            yield
        finally:
            self._step.release()
