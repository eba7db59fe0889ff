"""A channel's sign of life: each of its loops says how soon it will speak again, and the least patient of these promises stands.

Owns: the promises of all loops of this process.
Does not know: what the loops do, nor who looks at the sign (`agent/alive.py` is where it lies).

No thread ticks for others: the sign goes on only as long as every loop comes round. A loop that works - a large mail over a slow line -
has an hour; one that waits has two minutes, and wakes up every twenty seconds to say so.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

from agent import alive, logs

_log = logging.getLogger(__name__)

SLICE_S = 20.0
_WAITING_S = 120.0
_WORKING_S = 3600.0


class Life:
    """The loops of one process and what each has promised."""

    def __init__(self, tell: Callable[[float], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Promises nothing yet.

        Args:
            tell: Told the least patient promise, whenever it changes.
            clock: Seconds on a clock that only goes forward.
        """
        self._tell, self._clock = tell, clock
        self._promises: dict[int, float] = {}  # by loop
        self._told = 0.0
        self._lock = threading.Lock()

    def promise(self, loop: int, seconds: float) -> None:
        """A loop will speak again within so many seconds."""
        with self._lock:
            self._promises[loop] = self._clock() + seconds
            self._tell_least()

    def leave(self, loop: int) -> None:
        """A loop has nothing left to do."""
        with self._lock:
            self._promises.pop(loop, None)
            self._tell_least()

    def _tell_least(self) -> None:
        least = min(self._promises.values(), default=self._told)
        if least != self._told:
            self._told = least
            self._tell(least)


class _Here(threading.local):
    """Which loop this thread runs; none where a channel is run by hand."""

    life: Life | None = None
    loop: int = 0


_here = _Here()


def of_this_process() -> Life | None:
    """The sign that the supervisor looks at; None where nobody does."""
    file = alive.sign()
    if file is None:
        return None

    def tell(until: float) -> None:
        try:
            alive.promise(file, until)
        except OSError as failed:  # the channel goes on; at worst it is started afresh
            logs.event(_log, "sign.failed", level=logging.WARNING, why=failed)

    return Life(tell)


@contextlib.contextmanager
def running(life: Life | None, loop: int) -> Iterator[None]:
    """This thread runs that loop in the block.

    Args:
        life: The process's.
        loop: The loop's number, which has promised already.
    """
    _here.life, _here.loop = life, loop
    try:
        yield
    finally:
        _here.life = None
        if life:
            life.leave(loop)


def begins(life: Life | None, loop: int) -> None:
    """A loop is about to begin."""
    if life:
        life.promise(loop, _WORKING_S)


def works() -> None:
    """This loop does something that may take long."""
    if _here.life:
        _here.life.promise(_here.loop, _WORKING_S)


def waits() -> None:
    """This loop waits, and says so again within `SLICE_S`."""
    if _here.life:
        _here.life.promise(_here.loop, _WAITING_S)


def wait(event: threading.Event, seconds: float) -> bool:
    """Waits for an event as `Event.wait` does, speaking meanwhile."""
    until = time.monotonic() + seconds
    while True:
        waits()
        left = until - time.monotonic()
        if event.wait(max(0.0, min(left, SLICE_S))):
            return True
        if left <= SLICE_S:
            return False


def sleep(seconds: float) -> None:
    """Sleeps, speaking meanwhile."""
    wait(threading.Event(), seconds)
