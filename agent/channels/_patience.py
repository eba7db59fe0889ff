"""Waiting longer after each failure, and never all at once.

Owns: how long.
Does not know: what failed.
"""

from __future__ import annotations

import random

from agent.channels import _life

_FIRST_S = 1.0
QUICK_REFUSALS = 3  # a server may lock an account on which a wrong password is tried for ever
_REFUSED_S = 3600.0
REFUSED_BEFORE = "The server refused the user name or the password three times."
REFUSED_HINT = "Some providers want an app password instead of the usual one."


class Patience:
    """Counts failures in a row; each wait is about twice the one before."""

    def __init__(self, longest: float) -> None:
        """Starts without a failure.

        Args:
            longest: The longest wait, in seconds.
        """
        self._longest = longest
        self.failures = 0

    def next_wait(self) -> float:
        """Counts one more failure; seconds to wait after it."""
        self.failures += 1
        wait = min(self._longest, _FIRST_S * 2.0 ** min(self.failures - 1, 20))
        return wait * random.uniform(0.75, 1.25)  # noqa: S311 - spreads the load, guards nothing

    def wait(self) -> None:
        """Counts one more failure and sleeps."""
        _life.sleep(self.next_wait())

    def reset(self) -> None:
        """It works again."""
        self.failures = 0


class Refusals:
    """Counts refused passwords in a row: the first are tried again soon, all others once an hour. A channel that has a better way to
    hear from its owner than the log may be stricter."""

    why = "the server refused the password three times; it is now tried once an hour"

    def __init__(self) -> None:
        """Starts without a refusal."""
        self._patience = Patience(_REFUSED_S)

    @property
    def count(self) -> int:
        """How many there were in a row."""
        return self._patience.failures

    @property
    def slow(self) -> bool:
        """Whether the password is now tried once an hour only."""
        return self.count >= QUICK_REFUSALS

    def next_wait(self) -> float:
        """Counts one more refusal; seconds to wait after it."""
        wait = self._patience.next_wait()
        return _REFUSED_S if self.slow else wait

    def left(self) -> float:
        """Seconds until a try may be made at all."""
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Waits so long, or until somebody wants it tried again."""
        _life.sleep(seconds)

    def reset(self) -> None:
        """The password was taken."""
        self._patience.reset()
