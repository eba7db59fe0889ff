"""How long somebody who guessed wrong must wait before the next guess.

Owns: counting wrong guesses by address and in all, and the pause that doubles.
Does not know: what is guessed, nor the clock: the time is an argument. Nothing here survives a restart.
"""

from __future__ import annotations

import ipaddress
import threading
from dataclasses import dataclass

_FORGOTTEN_AFTER_S = 24 * 3600.0
_MOST_ADDRESSES = 4096


@dataclass
class _Record:
    wrong: int = 0
    until: float = 0.0  # no guess before
    last: float = 0.0


class Throttle:
    """Counts wrong guesses; some are free, then each is followed by a pause twice as long as the one before."""

    def __init__(
        self, *, free: int, free_in_all: int, pause: float, longest: float, longest_in_all: float
    ) -> None:
        """Begins with a clean record.

        Args:
            free: Wrong guesses of one address before its first pause.
            free_in_all: Wrong guesses of all addresses together before the pause of all.
            pause: Seconds of the first pause.
            longest: Seconds that no pause exceeds.
            longest_in_all: Seconds after an address's own last wrong guess for which the pause of all can hold it up. Addresses
                that never guessed wrong are not held up, so that nobody can keep the owner out by guessing wrong from elsewhere.
        """
        self._free, self._free_in_all = free, free_in_all
        self._pause, self._longest = pause, longest
        self._longest_in_all = longest_in_all
        self._all = _Record()
        self._by_address: dict[str, _Record] = {}
        self._lock = threading.Lock()

    def wait(self, address: str, now: float) -> float:
        """Seconds until this address may guess; 0 means now.

        Args:
            address: The IP address of whoever guesses.
            now: Seconds on any clock that only goes forward.
        """
        with self._lock:
            own = self._by_address.get(group(address))
            if own is None:
                return 0.0
            held_up = min(self._all.until, own.last + self._longest_in_all)
            return max(0.0, max(own.until, held_up) - now)

    def failed(self, address: str, now: float) -> None:
        """The guess was wrong."""
        with self._lock:
            self._forget(now)
            own = self._by_address.setdefault(group(address), _Record())
            self._count(own, self._free, now)
            self._count(self._all, self._free_in_all, now)

    def succeeded(self, address: str) -> None:
        """The guess was right: this address has a clean record again."""
        with self._lock:
            self._by_address.pop(group(address), None)

    def _count(self, record: _Record, free: int, now: float) -> None:
        if now - record.last > _FORGOTTEN_AFTER_S:
            record.wrong = 0
        record.wrong += 1
        record.last = now
        if record.wrong >= free:
            doublings = min(record.wrong - free, 30)
            record.until = now + min(self._pause * 2**doublings, self._longest)

    def _forget(self, now: float) -> None:
        if len(self._by_address) < _MOST_ADDRESSES:
            return
        for address, record in list(self._by_address.items()):
            if record.until <= now:
                del self._by_address[address]
        while len(self._by_address) >= _MOST_ADDRESSES:
            del self._by_address[next(iter(self._by_address))]


def group(address: str) -> str:
    """Whom an address stands for: itself, or for IPv6 its network of 64 bits, of which one machine has all."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if known.version == 6 and not known.is_link_local:
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(known)
