"""When an update may use the line: not in the hours that the owner keeps free, and not on a line that costs by the byte.

Owns: reading the hours, asking NetworkManager whether the line is metered, and the one sentence that says why it waits.
Does not know: what is fetched. `PausedError` ends a fetch whose time is not now; what came is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time

from agent.errors import NisseError, SettingsError

_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")
_QUESTION = ("nmcli", "-g", "GENERAL.STATE,GENERAL.METERED", "device", "show")
_CONNECTED = "100"

Run = Callable[..., str]


class PausedError(NisseError):
    """A fetch that may not go on now; the sentence says why, what came is kept."""

    key = "paused"
    status = 503


@dataclass(frozen=True)
class Hours:
    """A part of each day, which may go over midnight."""

    begin: time
    end: time

    def include(self, now: datetime) -> bool:
        """Whether a time of day lies within."""
        if self.begin <= self.end:
            return self.begin <= now.time() < self.end
        return now.time() >= self.begin or now.time() < self.end

    def __str__(self) -> str:
        """As the owner wrote it."""
        return f"{self.begin:%H:%M}-{self.end:%H:%M}"


def read_hours(text: str) -> Hours | None:
    """The hours that a setting names, such as `18:00-23:30`; none where it is empty.

    Raises:
        SettingsError: It is neither.
    """
    if not text.strip():
        return None
    found = _HOURS.fullmatch(text.strip())
    if not found:
        raise SettingsError(
            f"{text!r} are no hours.", hint="Write them like 18:00-23:30, or leave them empty."
        )
    first, second, third, fourth = map(int, found.groups())
    return Hours(time(first, second), time(third, fourth))


def why_not_now(now: datetime, quiet: Hours | None, *, metered: bool) -> str:
    """Why nothing is fetched now, in a sentence; empty: it may be.

    Args:
        now: By the clock on the wall.
        quiet: The hours to keep free.
        metered: Whether the line costs by the byte, and the owner does not want to pay that for updates.
    """
    if quiet and quiet.include(now):
        return f"The line is kept free from {quiet.begin:%H:%M} to {quiet.end:%H:%M}; the download goes on after that."
    if metered:
        return "The line is a metered one; the download goes on when the box is on another."
    return ""


def is_metered(run: Run) -> bool:
    """Whether a line that is connected costs by the byte, as far as NetworkManager knows; where there is none, no.

    Args:
        run: Runs a program, as `provisioning.box.running.run` does.
    """
    try:
        told = run(*_QUESTION, seconds=10)
    except NisseError:
        return False
    # One block of two lines for each device, blocks apart by an empty line.
    for block in told.split("\n\n"):
        lines = block.strip().splitlines()
        if len(lines) == 2 and lines[0].startswith(_CONNECTED) and lines[1].startswith("yes"):
            return True
    return False
