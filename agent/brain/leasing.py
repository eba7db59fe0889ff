"""Who uses the loaded model just now, so that it is not taken away under anybody's hands.

Owns: the leases on the model that answers, and the moment at which it may be changed for another.
Does not know: models, files, or why one is changed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from agent.errors import NisseError

_Held = TypeVar("_Held")
_MOST_WAITING = 16  # each holds one of the server's threads


class Leases(Generic[_Held]):
    """One thing that many use at once and that is changed now and then."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: _Held | None = None
        self._count = 0
        self._waiting = 0
        self._changing = False

    @property
    def held(self) -> _Held | None:
        """What can be leased, if there is anything."""
        return self._held

    @property
    def idle(self) -> bool:
        """Whether nobody uses it."""
        return self._count == 0

    @contextmanager
    def lease(self, seconds: float, otherwise: Callable[[], NisseError]) -> Iterator[_Held]:
        """Uses it for a while.

        Args:
            seconds: How long to wait while it is being changed.
            otherwise: The error to raise when there is nothing to use.
        """
        held = self._take(seconds, otherwise)
        try:
            yield held
        finally:
            with self._changed:
                if held is self._held:
                    self._count -= 1
                    self._changed.notify_all()

    def _take(self, seconds: float, otherwise: Callable[[], NisseError]) -> _Held:
        end = time.monotonic() + seconds
        with self._changed:
            if self._changing and self._waiting < _MOST_WAITING:
                self._waiting += 1
                self._changed.wait_for(lambda: not self._changing, timeout=end - time.monotonic())
                self._waiting -= 1
            if self._held is None or self._changing:
                raise otherwise()
            self._count += 1
            return self._held

    def take_away(self, seconds: float) -> _Held | None:
        """Lets nobody begin any more, waits until all have ended, but not for ever, and gives out what was held.

        Args:
            seconds: How long those who use it may go on.
        """
        with self._changed:
            self._changing = True
            self._changed.wait_for(lambda: self._count == 0, timeout=seconds)
            held, self._held, self._count = self._held, None, 0
            return held

    def change_if_idle(self) -> bool:
        """Lets nobody begin any more, if nobody uses it now; whether it is so."""
        with self._changed:
            if self._count:
                return False
            self._changing = True
            return True

    def put(self, held: _Held | None) -> None:
        """Has this be used from now on."""
        with self._changed:
            self._held, self._count, self._changing = held, 0, False
            self._changed.notify_all()
