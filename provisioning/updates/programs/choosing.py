"""Which version of Nisse is offered to this box, of all that are believed. Pure.

Owns: the choice, and the sentence for one that must wait or is none for this box.
Does not know: where the list comes from, nor what is done with the choice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from provisioning.updates import trust
from provisioning.updates.programs import rules
from provisioning.updates.programs.record import Program
from provisioning.updates.programs.rules import Here
from provisioning.updates.trust import Box, Moment

# The publisher leaves others go first; who asks for it gets it all the same.
_OFFERED = frozenset({"one_day", "other_boxes_first"})
# What the owner can do something about; of the rest he hears nothing.
_TELLING = ("old_system", "other_python", "too_far", "no_way_back")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a look came to."""

    program: Program | None = None  # to offer
    reason: str = ""  # why it is not installed by itself yet; empty: time and roll-out allow it
    not_this: str = ""  # a sentence about a newer one that is none for this box; mostly empty


def choose(programs: Iterable[Program], here: Here, box: Box, when: Moment, delay: timedelta) -> Choice:
    """The newest version that suits this box now; else the newest that only waits.

    Args:
        programs: All that are believed, the newest first.
        here: What they meet on this box.
        box: Its number, by which a roll-out finds it.
        when: The time.
        delay: How long a version is left to others first.
    """
    waiting, not_this = None, ""
    for program in programs:
        reason = rules.unfit(program, here)
        if reason:
            told = reason in _TELLING and program.architecture == here.architecture
            not_this = not_this or (f"Version {program.version}: {rules.sentence(reason)}" if told else "")
            continue
        reason = judge(program, box, when, delay=delay)
        if not reason:
            return Choice(program=program, not_this=not_this)
        if reason in _OFFERED and waiting is None:
            waiting = Choice(program=program, reason=reason, not_this=not_this)
    return waiting or Choice(not_this=not_this)


def judge(program: Program, box: Box, when: Moment, *, delay: timedelta, asked: bool = False) -> str:
    """Why a program that suits this box is not taken now: one of SENTENCES; empty: it is.

    Args:
        program: Which.
        box: This machine.
        when: The time.
        delay: How long a version is left to others first.
        asked: The owner wants it now.
    """
    verdict = trust.in_time(program, box, when, delay=delay, asked=asked)
    if verdict.good and not (when.known and when.current):
        return "stale" if when.known else "clock"
    return verdict.reason
