"""Who may ask the server now: so many at once, those who wait in person first, and nobody a second place before everybody has one.

Owns: the places and the queue before them.
Does not know: the server, nor what anybody asks of it.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from agent.brain import Asker
from agent.errors import UnavailableError

_RETRY_S = 10.0


@dataclass(eq=False, kw_only=True)
class Ticket:
    """Somebody who waits, or has a place."""

    asker: Asker
    number: int  # in the order of arrival
    begin: Callable[[Ticket], None]  # called once it has a place


class Places:
    """The places at one server. Safe to use from several threads."""

    def __init__(self, count: int, longest: int) -> None:
        """Begins with nobody there.

        Args:
            count: How many may ask at once.
            longest: How many more may wait.
        """
        self._count = count
        self._longest = longest
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._waiting: list[Ticket] = []
        self._working: list[Ticket] = []

    def enter(self, asker: Asker, begin: Callable[[Ticket], None]) -> Ticket:
        """Takes a place, or one in the queue. Whoever enters must leave.

        Raises:
            UnavailableError: Too many wait already.
        """
        with self._lock:
            ticket = Ticket(asker=asker, number=next(self._numbers), begin=begin)
            if len(self._working) < self._count:
                self._working.append(ticket)
            elif len(self._waiting) < self._longest:
                self._waiting.append(ticket)
                return ticket
            else:
                raise UnavailableError(
                    f"{len(self._waiting)} questions wait already.",
                    hint="Ask again soon.",
                    retry_after=_RETRY_S,
                )
        begin(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Gives the place back, or that in the queue. Once more is harmless."""
        following = None
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            elif ticket in self._working:
                self._working.remove(ticket)
                following = self._next()
        if following:
            following.begin(following)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def working(self) -> int:
        """How many have a place."""
        return len(self._working)

    def _next(self) -> Ticket | None:
        if not self._waiting:
            return None
        held = Counter(ticket.asker.person for ticket in self._working)
        chosen = min(
            self._waiting,
            key=lambda each: (
                each.asker.priority != "interactive",
                held[each.asker.person],
                each.number,
            ),
        )
        self._waiting.remove(chosen)
        self._working.append(chosen)
        return chosen
