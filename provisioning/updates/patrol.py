"""Reads what serves from the disk now and then, slowly, because a worn card loses bits without saying so.

Owns: the round, its pace, and that a damaged file counts no longer once the house goes back to the model before.
Does not know: how one goes back (`owner`), nor who is told. A damaged model that nothing can replace is left to serve.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from agent import logs
from agent.models.blobs import hash_on_disk
from agent.models.catalogue import Model
from agent.models.sets import Sets
from agent.models.shelf import Shelf

_log = logging.getLogger(__name__)

_FIRST_S = 900.0  # after the start, when the box has other things to do
_EVERY_S = 7 * 86_400.0
_AGAIN_S = 3600.0  # while an update is under way
_REST_S = 0.05  # after each megabyte: a gigabyte takes about a minute, and nobody waits for the card


class Patrol:
    """Goes its rounds in a thread of its own."""

    def __init__(
        self, sets: Sets, shelf: Shelf, go_back: Callable[[], bool], *, rest: float = _REST_S
    ) -> None:
        """Reads nothing yet; `start` does.

        Args:
            sets: What serves.
            shelf: Where its files lie.
            go_back: Has the set before serve; False: not now.
            rest: Seconds after each megabyte.
        """
        self._sets, self._shelf, self._go_back, self._rest = sets, shelf, go_back, rest
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="patrol", daemon=True)

    def start(self) -> None:
        """Begins, after a while."""
        self._thread.start()

    def close(self) -> None:
        """Ends the round."""
        self._leaving.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def round(self) -> bool:
        """Reads the active set and the one before, once; False: what was found could not be dealt with now."""
        active, previous = self._sets.active(), self._sets.previous()
        if active is None:
            return True  # what the house chose by itself is the catalogue's, and fetched anew if it is lost
        spoilt = [model for model in active.models if not self._is_sound(model)]
        for model in spoilt:
            logs.event(_log, "model.damaged", level=logging.ERROR, model=model.name)
        if not spoilt or previous is None or not all(self._is_sound(model) for model in previous.models):
            return True
        if not self._go_back():
            return False
        for model in spoilt:
            self._doubt(model)
        return True

    def _run(self) -> None:
        wait = _FIRST_S
        while not self._leaving.wait(wait):
            wait = _EVERY_S
            try:
                if not self.round():
                    wait = _AGAIN_S
            except _LeavingError:
                return
            except Exception:  # noqa: BLE001 - a disk that fails is no reason never to look again
                _log.exception("patrol.broke")

    def _is_sound(self, model: Model) -> bool:
        """Whether every file is what it was. One that reads wrong is read twice: memory errs, too."""
        for file in model.files:
            path = self._shelf.path(model, file.name)
            if self._shelf.holds(model, file) and all(
                hash_on_disk(path, self._breathe) != file.sha256 for _ in range(2)
            ):
                return False
        return True

    def _doubt(self, model: Model) -> None:
        """Takes back the word that the model's files were found right: for the shelf and for the blob, which are one file."""
        for file in model.files:
            try:
                os.utime(self._shelf.path(model, file.name))
            except OSError as failed:  # it came with the image, which cannot be written to
                logs.event(_log, "file.not_doubted", level=logging.WARNING, file=file.name, why=failed)

    def _breathe(self) -> None:
        if self._leaving.wait(self._rest):
            raise _LeavingError


class _LeavingError(Exception):
    """The service stops."""
