"""How many mails are answered at most: the numbers of rule E18, so that no loop runs for ever.

Owns: judging when the next one is too many, and until when.
Does not know: databases or the clock. Pure: it is told when earlier mails came.

What is told is not every earlier mail, but of each limit the one that counts: with ten an hour, the tenth-newest. If that one came
within the hour, the hour is full until it is an hour old.
"""

from __future__ import annotations

from dataclasses import dataclass

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
RUN_S = 600.0  # in which a thread may have so many answers without anything new from a person


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How many are answered; the settings of the section conversation have the same names."""

    sender_hour: int = 10
    sender_day: int = 40
    thread_run: int = 3  # within RUN_S, without anything new from a person in between
    house_hour: int = 60


@dataclass(frozen=True, kw_only=True)
class Recent:
    """When the mails came that count, in seconds since 1970; 0 where there were not so many.

    Each is the one at the place of its limit, counted from the newest.
    """

    sender_hour: float = 0.0
    sender_day: float = 0.0
    thread: float = 0.0
    house_hour: float = 0.0
    halted_until: float = 0.0  # the house answers no mail before that


@dataclass(frozen=True, kw_only=True)
class Excess:
    """One mail too many."""

    why: str  # in words
    until: float  # seconds since 1970
    of_house: bool = False  # not this sender's doing alone


def excess(recent: Recent, limits: Limits, now: float) -> Excess | None:
    """Why the next mail would be too many, or None.

    Args:
        recent: What came before.
        limits: How many may come.
        now: Seconds since 1970.
    """
    found = [
        Excess(why=why, until=at + window, of_house=of_house)
        for at, window, why, of_house in (
            (
                recent.sender_hour,
                HOUR_S,
                f"more than {limits.sender_hour} from this sender within an hour",
                False,
            ),
            (recent.sender_day, DAY_S, f"more than {limits.sender_day} from this sender within a day", False),
            (
                recent.thread,
                RUN_S,
                f"more than {limits.thread_run} in this thread within ten minutes, and nothing new in them",
                False,
            ),
            (
                recent.house_hour,
                HOUR_S,
                f"more than {limits.house_hour} in the whole house within an hour",
                True,
            ),
            (recent.halted_until, 0.0, "too many mails came to the whole house", True),
        )
        if at and (at <= now < at + window or (not window and at > now))
    ]
    return max(found, key=lambda one: one.until, default=None)
