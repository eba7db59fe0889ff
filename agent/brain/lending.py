"""Lending the memory of the model that answers, for a while and never for good.

Owns: who has asked for it, until when, and whether it was given.
Does not know: for what, nor how a model is unloaded and loaded again (`loading`).

However the borrower ends, the memory comes back: when its context ends, or when its time is up. If the whole process ends, the next
one begins by loading its model.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from agent.errors import UnavailableError

_GIVEN_S = 120.0  # answers of the moment are given first, and a load that is going on comes to its end


class Lending:
    """One borrower at a time."""

    def __init__(self, news: threading.Condition) -> None:
        """Lends nothing yet.

        Args:
            news: Notified whenever something changes here.
        """
        self._news = news
        self._until = 0.0  # on the monotonic clock; 0: nobody asks
        self._given = False
        self._seen = False  # the state that the lender knows of

    @property
    def wanted(self) -> bool:
        """Whether somebody has it or waits for it now."""
        return self._until > time.monotonic()

    def news(self) -> bool:
        """Whether the lender should look: somebody waits, or has come to an end."""
        return self.wanted != self._seen

    def give(self) -> None:
        """The lender has unloaded its model."""
        with self._news:
            self._given = self._seen = True
            self._news.notify_all()

    def taken_back(self) -> None:
        """The lender loads its model again."""
        self._given = self._seen = False

    @contextlib.contextmanager
    def borrowed(self, seconds: float) -> Iterator[None]:
        """Has the memory for as long as the context lasts, but not longer than so many seconds.

        Raises:
            UnavailableError: It was not given in time.
        """
        with self._news:
            self._until = time.monotonic() + _GIVEN_S + seconds
            self._news.notify_all()
            given = self._news.wait_for(lambda: self._given, timeout=_GIVEN_S)
            self._until = time.monotonic() + seconds if given else 0.0
        try:
            if not given:
                raise UnavailableError("The model that answers did not make room in time.", retry_after=60)
            yield
        finally:
            with self._news:
                self._until = 0.0
                self._news.notify_all()
