"""Telling the owner how an update went: again and again until the house has taken the letter.

Owns: the thread.
Does not know: what is told (`steps` writes it down), nor how it reaches the owner (conversation does).
"""

from __future__ import annotations

import logging
import threading

from agent import logs
from agent.errors import NisseError, RequestError
from provisioning.updates.book import Book, Letter
from provisioning.updates.parts import Announce

_log = logging.getLogger(__name__)

_LOOK_S = 5.0
_AGAIN_S = 30.0


class Telling:
    """Sends the letters of one book."""

    def __init__(self, book: Book, announce: Announce) -> None:
        """Does nothing yet; `start` does."""
        self._book, self._announce = book, announce
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telling", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def close(self) -> None:
        """Stops; what was not told is told after the next start."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            try:
                pause = _LOOK_S if self._tell_all() else _AGAIN_S
            except Exception:  # noqa: BLE001 - without this thread the owner would hear nothing until the next start
                _log.exception("telling.broke")
                pause = _AGAIN_S

    def _tell_all(self) -> bool:
        return all(self._tell(letter) for letter in self._book.letters())

    def _tell(self, letter: Letter) -> bool:
        try:
            self._announce(letter.key, letter.subject, letter.text)
        except RequestError as refused:  # it would be refused for ever
            logs.event(_log, "owner.not_told", level=logging.ERROR, key=letter.key, why=refused)
        except NisseError as later:
            logs.event(_log, "owner.told_later", key=letter.key, why=later)
            return False
        try:
            self._book.told(letter.key)
        except NisseError as full:  # told twice does no harm: the key is the same
            logs.event(_log, "owner.told_again", level=logging.WARNING, key=letter.key, why=full)
            return False
        return True
