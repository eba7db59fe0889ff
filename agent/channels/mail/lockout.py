"""A password that the server refuses: three tries, and then none until somebody looks at it.

Owns: the count of refusals in a row, over restarts, and who may try again when.
Does not know: the password's meaning to any server, nor how the owner is told (`_reporting`).
"""

from __future__ import annotations

import threading
import time

from agent.channels import _life
from agent.channels._patience import QUICK_REFUSALS, Patience, Refusals
from agent.channels.mail.journal import Journal

_ONCE_MORE_S = (
    24 * 3600.0
)  # a provider's own mishap must not leave the house deaf for ever; no account is locked by one try a day
_LONGEST_QUICK_S = 60.0


class Lockout(Refusals):
    """One account's refusals on one of its ways."""

    why = "the server refused the password three times; it is not tried any more until somebody looks at it"

    def __init__(self, journal: Journal, way: str, login: str) -> None:
        """Remembers how it was when the process last ended.

        Args:
            journal: Remembers.
            way: receiving or sending.
            login: Stands for user and password; others begin anew.
        """
        super().__init__()
        self._journal = journal
        self._way = way
        self._login = login
        self._released = threading.Event()
        self._count, self._at = journal.refusals(way, self._login)
        self._quick = Patience(_LONGEST_QUICK_S)

    @property
    def count(self) -> int:
        """How many there were in a row."""
        return self._count

    @property
    def slow(self) -> bool:
        """Whether the password is not tried any more."""
        return self._count >= QUICK_REFUSALS

    def next_wait(self) -> float:
        """Counts one more refusal; seconds to wait after it."""
        self._released.clear()
        self._count, self._at = self._count + 1, time.time()
        self._journal.refused(self._way, self._login, self._count)
        wait = self._quick.next_wait()
        return _ONCE_MORE_S if self.slow else wait

    def left(self) -> float:
        """Seconds until a try may be made at all."""
        if not self.slow:
            return 0.0
        return min(_ONCE_MORE_S, max(0.0, self._at + _ONCE_MORE_S - time.time()))

    def sleep(self, seconds: float) -> None:
        """Waits so long, or until somebody wants it tried again."""
        if seconds:
            _life.wait(self._released, seconds)

    def again(self) -> None:
        """Somebody wants it tried again: three more tries, the first at once."""
        self.reset()
        self._released.set()

    def reset(self) -> None:
        """The password was taken."""
        self._quick.reset()
        if self._count:
            self._count = 0
            self._journal.refused(self._way, self._login, 0)
