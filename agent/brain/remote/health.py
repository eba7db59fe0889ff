"""How a server is: well, or ill until a certain moment. Pure.

Owns: which failures count, the pauses that grow, and the words for the owner.
Does not know: what the clock says, nor how a server is asked.
"""

from __future__ import annotations

import threading

_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 300.0


class Health:
    """One server's. Safe to use from several threads."""

    def __init__(self) -> None:
        """Believed to be well until something fails."""
        self._lock = threading.Lock()
        self._again_at: float | None = None  # ill until it was looked at then
        self.failures = 0  # since the last whole answer
        self.answers = 0  # whole ones
        self.why = ""  # the last failure, a sentence

    @property
    def well(self) -> bool:
        """Whether requests may go there."""
        return self._again_at is None

    @property
    def again_at(self) -> float | None:
        """When it is looked at again; None while it is well."""
        return self._again_at

    def failed(self, why: str, now: float, *, pause: float | None = None) -> None:
        """It did not answer as it should: nobody goes there until it was looked at, after a pause that grows each time.

        Args:
            why: A sentence for the owner.
            now: On the clock of `again_at`.
            pause: Seconds, if the server itself said how long.
        """
        with self._lock:
            if self._again_at is not None and now < self._again_at:
                return  # several were under way when it fell ill: that is one illness
            grown = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(self.failures, 10))
            self._again_at = now + min(_LONGEST_PAUSE_S, max(grown, pause or 0))
            self.failures += 1
            self.why = why

    def looked_well(self) -> None:
        """It says that it is there: requests may go, but only a whole answer shows that it works."""
        with self._lock:
            self._again_at = None

    def answered(self) -> None:
        """It gave a whole answer."""
        with self._lock:
            self._again_at, self.failures, self.why = None, 0, ""
            self.answers += 1
