"""How fast a mirror sends, so that one which feeds us crumbs is left for another.

Owns: the rate over a window of time, and what is too slow.
Does not know: what is sent.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Patience:
    """What a mirror may cost in time."""

    stall_s: float = 30.0  # without a byte
    window_s: float = 300.0  # over which the rate is measured
    minimum: int = 8_000  # bytes a second
    tries: int = 3  # in a row that bring nothing, or wrong chunks
    pause_s: float = 1.0  # before the next try; doubled each time


# A neighbour in the home is fast, or not worth waiting for: the publisher's server is there, too.
FOR_NEIGHBOURS = Patience(stall_s=5.0, window_s=10.0, minimum=500_000, tries=2)


class Pace:
    """The rate of one mirror."""

    def __init__(self, patience: Patience, clock: Callable[[], float] = time.monotonic) -> None:
        """Begins to count now."""
        self._patience, self._clock = patience, clock
        self._begin = clock()
        self._arrived: deque[tuple[float, int]] = deque()  # by second

    def add(self, count: int) -> None:
        """So many bytes came."""
        now = self._clock()
        if self._arrived and now - self._arrived[-1][0] < 1.0:
            begun, before = self._arrived.pop()
            self._arrived.append((begun, before + count))
        else:
            self._arrived.append((now, count))

    def too_slow(self) -> bool:
        """Whether too little came within the last window."""
        now = self._clock()
        if now - self._begin < self._patience.window_s:
            return False
        while self._arrived and now - self._arrived[0][0] > self._patience.window_s:
            self._arrived.popleft()
        return sum(count for _, count in self._arrived) < self._patience.minimum * self._patience.window_s
