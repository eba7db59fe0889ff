"""What a message may do, by who wrote it and how sure that is: the table of rule E31, in code.

Owns: the table.
Does not know: what is done with it; nothing in a message's text can change it. Pure: no I/O, no clock.

    level        person    may
    unverified   anybody   nothing
    asserted     paired    ask, and be answered from what the whole house knows
    verified     paired    the same from their own memory, have it remembered, keep documents
    verified     owner     if it was written within two days, or is confirmed by a code: change settings, approve people, forget all
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.message import ASSERTED, UNVERIFIED, VERIFIED, Message, Person

FRESH_S = 48 * 3600.0
_LEVELS = (UNVERIFIED, ASSERTED, VERIFIED)


@dataclass(frozen=True, kw_only=True)
class Capability:
    """What one message may do."""

    ask: bool = False  # be answered, from what the whole house knows
    memory: bool = False  # be answered from the person's own memory, and be remembered there
    keep: bool = False  # have documents kept for the house
    govern: bool = False  # change settings, approve people, forget all


def of(message: Message, person: Person | None, *, now: float, confirmed: bool = False) -> Capability:
    """What a message may do.

    Args:
        message: What came in, with its level.
        person: Whose address the sender's is, or None for a stranger.
        now: Seconds since 1970.
        confirmed: Whether its writer proved themselves by a code besides.
    """
    if person is None or not reaches(message.level, ASSERTED):
        return Capability()
    verified = reaches(message.level, VERIFIED)
    recent = abs(now - message.written_at) < FRESH_S
    govern = verified and person.role == "owner" and (recent or confirmed)
    return Capability(ask=True, memory=verified, keep=verified, govern=govern)


def reaches(level: str, needed: str) -> bool:
    """Whether a level is at least the one needed; one that nobody knows is the lowest.

    Args:
        level: How sure it is who wrote something.
        needed: How sure it must be.
    """
    return _rank(level) >= _rank(needed)


def _rank(level: str) -> int:
    return _LEVELS.index(level) if level in _LEVELS else 0
