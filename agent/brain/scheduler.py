"""Who may use the model now: one at a time, those who wait in person before those who can wait, each in order of arrival.

Owns: the places in the queue.
Does not know: the model, or what anybody asks of it. The thread that holds the place does its own work and gives the place back.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from typing import Literal

from agent.errors import UnavailableError

Priority = Literal["interactive", "background"]

_RANK: dict[Priority, int] = {"interactive": 0, "background": 1}
_RETRY_S = 10.0


class Scheduler:
    """The queue before one model."""

    def __init__(self, longest: int) -> None:
        """Begins with nobody in it.

        Args:
            longest: How many may wait.
        """
        self._longest = longest
        self._turn = threading.Condition()
        self._arrivals = itertools.count()
        self._waiting: list[tuple[int, int, Ticket]] = []
        self._working: Ticket | None = None

    def enter(self, priority: Priority) -> Ticket:
        """Takes a place in the queue. Whoever gets a ticket must leave with it, whatever happens.

        Raises:
            UnavailableError: Too many wait already.
        """
        with self._turn:
            ticket = Ticket(self)
            if self._working is None:
                self._working = ticket
            elif len(self._waiting) >= self._longest:
                raise UnavailableError(
                    f"{len(self._waiting)} questions wait already.",
                    hint="Ask again soon.",
                    retry_after=_RETRY_S,
                )
            else:
                heapq.heappush(self._waiting, (_RANK[priority], next(self._arrivals), ticket))
            return ticket

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def working(self) -> bool:
        """Whether the model is in use."""
        return self._working is not None

    def _wait(self, ticket: Ticket, seconds: float) -> bool:
        with self._turn:
            return self._turn.wait_for(lambda: self._working is ticket, timeout=seconds)

    def _leave(self, ticket: Ticket) -> None:
        with self._turn:
            if self._working is ticket:
                self._working = heapq.heappop(self._waiting)[2] if self._waiting else None
                self._turn.notify_all()
            elif any(entry[2] is ticket for entry in self._waiting):
                self._waiting = [entry for entry in self._waiting if entry[2] is not ticket]
                heapq.heapify(self._waiting)


class Ticket:
    """A place in the queue."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def wait(self, seconds: float) -> bool:
        """Waits at most so long; whether it is this ticket's turn."""
        return self._scheduler._wait(self, seconds)  # noqa: SLF001 - two halves of one thing

    def leave(self) -> None:
        """Gives the place back, from the queue or from the model. Once more is harmless."""
        self._scheduler._leave(self)  # noqa: SLF001
