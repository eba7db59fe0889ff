"""How soon an address may try a password again - the first mistakes are free, then each costs twice the wait - and how many mails
each may bring in an hour.

Owns: the count of wrong tries by address, and of mails by sender.
Does not know: passwords, sockets or the clock; every call is told the time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass

_FREE_TRIES = 5
_FIRST_PAUSE_S = 60.0
_LONGEST_PAUSE_S = 3600.0
_REMEMBERED_S = 2 * _LONGEST_PAUSE_S  # a right password forgives nothing: a guesser may have one of their own
_MOST_ADDRESSES = 1_000  # of which the one that was wrong longest ago is forgotten
_HOUR_S = 3600.0


@dataclass(kw_only=True)
class _Tries:
    wrong: int = 0
    last: float = 0.0
    until: float = 0.0


class Throttle:
    """Wrong passwords by address."""

    def __init__(self) -> None:
        """Starts with nobody in it."""
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def pause(self, address: str, now: float) -> float:
        """How long this address must wait yet.

        Args:
            address: The client's IP address.
            now: Seconds on a clock that never goes back.

        Returns:
            Seconds; 0 if it may try.
        """
        tries = self._tries.get(address)
        return max(0.0, tries.until - now) if tries else 0.0

    def wrong(self, address: str, now: float) -> None:
        """The address gave a wrong password.

        Args:
            address: The client's IP address.
            now: Seconds on the same clock.
        """
        tries = self._tries.setdefault(address, _Tries())
        self._tries.move_to_end(address)
        tries.wrong = tries.wrong + 1 if now - tries.last < _REMEMBERED_S else 1
        tries.last = now
        if tries.wrong >= _FREE_TRIES:
            tries.until = now + min(
                _LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(tries.wrong - _FREE_TRIES, 10)
            )
        if len(self._tries) > _MOST_ADDRESSES:
            self._tries.popitem(last=False)


class Rate:
    """Mails by sender within the last hour."""

    def __init__(self, most: int) -> None:
        """Starts with nobody in it.

        Args:
            most: How many each may bring in an hour.
        """
        self._most = most
        self._brought: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def takes(self, sender: str, now: float) -> bool:
        """Whether one more mail of this sender is taken now; if so, it is counted.

        Args:
            sender: Who brings it.
            now: Seconds on a clock that never goes back.
        """
        with self._lock:
            times = self._brought.setdefault(sender, deque())
            self._brought.move_to_end(sender)
            if len(self._brought) > _MOST_ADDRESSES:
                self._brought.popitem(last=False)
            while times and now - times[0] >= _HOUR_S:
                times.popleft()
            if len(times) >= self._most:
                return False
            times.append(now)
            return True
