"""When the box has a hotspot of its own and when not: a decision from what is seen, without a clock or a radio.

Owns: the rules and their times.
Does not know: NetworkManager.

    no network for 45 seconds                          a hotspot, if there is a radio
    a cable or a known Wi-Fi                           no hotspot, and nothing more to watch
    a hotspot, nobody in it, and a Wi-Fi is known      every three minutes: is the Wi-Fi back? (the router starts slower than the box)
    ten minutes after the claim                        no hotspot: it is a door, and the house has an owner now
    no radio for two minutes                           nothing to watch
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

PATIENCE_S = 45.0
TRY_KNOWN_EVERY_S = 180.0
AFTER_CLAIM_S = 600.0
NO_RADIO_S = 120.0


class Wish(Enum):
    """What should happen."""

    WAIT = "wait"
    OPEN = "open the hotspot"
    CLOSE = "close the hotspot"
    END = "end watching"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is seen at one moment."""

    connected: bool  # to the home's network, by cable or air
    radio: bool
    hotspot: bool
    guests: bool
    known: bool  # whether there is a Wi-Fi to go back to
    claimed: bool


@dataclass
class Watch:
    """What the decision remembers."""

    began: float
    waiting_since: float
    opened: float = 0.0
    claimed_since: float | None = None
    shut: bool = False  # the house is owned, and the hotspot's time is over

    @classmethod
    def begin(cls, now: float) -> Watch:
        """Begins at a moment of a clock that only goes forward."""
        return cls(began=now, waiting_since=now)

    def decide(self, seen: Seen, now: float) -> Wish:
        """What should happen now.

        Args:
            seen: What is seen.
            now: Seconds on that clock.
        """
        if not seen.claimed:
            self.claimed_since = None
        elif self.claimed_since is None:
            self.claimed_since = now
        if seen.connected:
            return Wish.CLOSE if seen.hotspot else Wish.END
        if seen.hotspot:
            return self._while_open(seen, now)
        return self._without(seen, now)

    def _while_open(self, seen: Seen, now: float) -> Wish:
        if self.claimed_since is not None and now - self.claimed_since >= AFTER_CLAIM_S:
            self.shut = True
        may_try = seen.known and not seen.guests and now - self.opened >= TRY_KNOWN_EVERY_S
        if not self.shut and not may_try:
            return Wish.WAIT
        self.waiting_since = now
        return Wish.CLOSE

    def _without(self, seen: Seen, now: float) -> Wish:
        if self.shut:
            return Wish.END
        if now - self.waiting_since < PATIENCE_S:
            return Wish.WAIT
        if seen.radio:
            self.opened = now
            return Wish.OPEN
        return Wish.END if now - self.began >= NO_RADIO_S else Wish.WAIT
