"""The earliest time that it can be: a board without a clock of its own wakes up in 1970.

Owns: the floor - the image's own date, and the last time that the box is known to have lived through.
Does not know: the network's time; systemd-timesyncd sets that as soon as there is one, and notes every hour that the box lives.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable

from provisioning.box.places import Places

_NOTED = "systemd/timesync/clock"  # systemd-timesyncd's file, by its date
_LATEST = 4_102_444_800  # the year 2100: a file that says more is wrong


def floor(places: Places) -> float:
    """Seconds since 1970 before which it cannot be now."""
    return max(_built(places), _lived_through(places))


def raise_to_floor(places: Places, now: float, set_clock: Callable[[float], None]) -> bool:
    """Sets the clock to the floor if it stands before it; whether it did.

    Args:
        places: Where the box's things lie.
        now: What the clock says, in seconds since 1970.
        set_clock: Sets it.
    """
    least = floor(places)
    if now >= least:
        return False
    set_clock(least)
    return True


def set_system_clock(at: float) -> None:
    """Sets the system's clock; only root may."""
    time.clock_settime(time.CLOCK_REALTIME, at)


def _built(places: Places) -> float:
    try:
        return float(min(int(tomllib.loads(places.image.read_text(encoding="utf-8"))["epoch"]), _LATEST))
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def _lived_through(places: Places) -> float:
    try:
        at = (places.shared / _NOTED).stat().st_mtime
    except OSError:
        return 0.0
    return at if 0 < at < _LATEST else 0.0
