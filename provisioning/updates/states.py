"""The steps of an update, and what follows each. Pure.

    IDLE -> CHECKED -> OFFERED -> RESERVED -> DOWNLOADING -> VERIFIED -> STAGED -> TRIAL -> PROBATION -> COMMITTED -> GC -> IDLE
                          |                        every one of them, if it fails for good:   -> ROLLBACK -> REPORTED -> IDLE
                          +-> IDLE, if the owner declines

A state is what is being done now. It is written down before it is done, and doing it twice does no harm: so whoever is killed at any
instant goes on with what stands there.

Owns: the table, what is remembered of an update, and what a start makes of what it finds.
Does not know: how any step is done (`steps`), or where it is written (`book`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MOST_WRITES = 28  # of one update; a card wears, and what needs more goes round in circles
MOST_TRIALS = 3
MOST_REBOOTS = 3
_LONGEST = 2000  # characters of a text that is kept


class State(StrEnum):
    """What is being done."""

    IDLE = "idle"
    CHECKED = "checked"
    OFFERED = "offered"
    RESERVED = "reserved"
    DOWNLOADING = "downloading"
    VERIFIED = "verified"
    STAGED = "staged"
    TRIAL = "trial"
    PROBATION = "probation"
    COMMITTED = "committed"
    GC = "gc"
    ROLLBACK = "rollback"
    REPORTED = "reported"


class Event(StrEnum):
    """How it went, or what somebody wants."""

    FOUND = "found"  # a release for this box
    BROUGHT = "brought"  # a file of the owner's own; its blob is here already
    SUITS = "suits"
    CONSENTED = "consented"
    DECLINED = "declined"
    DONE = "done"
    AGAIN = "again"  # the same step once more, and it counts
    FAILED = "failed"
    BACK = "back"  # the owner wants the model before


_WAY = {
    State.CHECKED: {Event.SUITS: State.OFFERED},
    State.OFFERED: {Event.CONSENTED: State.RESERVED, Event.DECLINED: State.IDLE},
    State.RESERVED: {Event.DONE: State.DOWNLOADING, Event.DECLINED: State.IDLE},
    State.DOWNLOADING: {Event.DONE: State.VERIFIED, Event.DECLINED: State.IDLE},
    State.VERIFIED: {Event.DONE: State.STAGED, Event.DECLINED: State.IDLE},
    State.STAGED: {Event.DONE: State.TRIAL},
    State.TRIAL: {Event.DONE: State.PROBATION, Event.AGAIN: State.TRIAL},
    State.PROBATION: {Event.DONE: State.COMMITTED, Event.AGAIN: State.PROBATION, Event.BACK: State.ROLLBACK},
    State.COMMITTED: {Event.DONE: State.GC},
    State.GC: {Event.DONE: State.IDLE},
    State.ROLLBACK: {Event.DONE: State.REPORTED},
    State.REPORTED: {Event.DONE: State.IDLE},
    State.IDLE: {Event.BACK: State.ROLLBACK},
}
TABLE = {
    state: {
        **({Event.FOUND: State.CHECKED, Event.BROUGHT: State.STAGED} if state in {"idle", "checked", "offered"} else {}),
        **({Event.FAILED: State.ROLLBACK} if state not in {"idle", "rollback", "reported", "gc"} else {}),
        **_WAY[state],
    }
    for state in State
}  # fmt: skip


_ENDS = {State.COMMITTED, State.GC, State.ROLLBACK, State.REPORTED}


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What is remembered of a probation."""

    since: float = 0.0  # seconds since 1970 at which the new set began to serve
    served: float = 0.0  # seconds for which it has served since, as far as they were looked at
    answered: int = 0  # given since
    counted: int = 0  # as the brain's process counted when it was last looked at
    process: str = ""  # that process
    crashes: int = 0  # since
    crashes_before: int = 0  # that the brain counted already at the switch
    failures: int = 0  # probes that failed, one after another
    complaints: int = 0  # of the owner


@dataclass(frozen=True, kw_only=True)
class Record:
    """One update, from beginning to end; as `state.json` has it."""

    state: State = State.IDLE
    origin: str = "signed"  # or unsigned
    release: str = ""  # the release's record, as it was signed
    seq: int = 0  # the release's
    since: float = 0.0  # seconds since 1970 at which it was first offered
    consent: bool = False
    attempts: int = 0  # to try it
    writes: int = 0
    boot: str = ""  # this start of the machine
    reboots: int = 0  # since the trial began
    old: int = 0  # seq of the set that serves before; 0: none
    new: int = 0  # seq of the set to be
    before: int = 0  # seq of the set to which one could go back before; 0: none
    at: float = 0.0  # seconds since 1970 at which it last took a step
    reason: str = ""  # why it failed
    sentence: str = ""  # the same for people
    watch: Watch = field(default_factory=Watch)

    @property
    def busy(self) -> bool:
        """Whether an update is under way that began for good."""
        return self.state not in (State.IDLE, State.CHECKED, State.OFFERED)

    def to_json(self) -> dict[str, Any]:
        """As the file has it."""
        return dataclasses.asdict(self)


class WrongStepError(Exception):
    """Nothing leads from this state by this event."""


def after(record: Record, event: Event, **changes: Any) -> Record:
    """The record once this has happened.

    Args:
        record: Where the update stands.
        event: What happened.
        changes: Other fields that change with it.

    Raises:
        WrongStepError: It cannot happen in this state.
    """
    if event not in TABLE[record.state]:
        raise WrongStepError(f"{event} in {record.state}")
    state = TABLE[record.state][event]
    if state == State.IDLE:
        return Record(boot=record.boot)
    if record.writes >= MOST_WRITES and state not in _ENDS:
        # Whoever has proven itself by then is not thrown out for it.
        state, changes = State.ROLLBACK, {"reason": "too_many_steps", "sentence": ""}
    texts = {name: value[:_LONGEST] for name, value in changes.items() if name in ("reason", "sentence")}
    return dataclasses.replace(record, **{**changes, **texts, "state": state, "writes": record.writes + 1})


def begin(record: Record, event: Event, **changes: Any) -> Record:
    """A new update takes the place of what is remembered of the one before.

    Raises:
        WrongStepError: One is under way.
    """
    if event not in (Event.FOUND, Event.BROUGHT, Event.BACK) or event not in TABLE[record.state]:
        raise WrongStepError(f"{event} in {record.state}")
    return Record(**{**changes, "state": TABLE[record.state][event], "writes": 1, "boot": record.boot})


def noted(record: Record, **changes: Any) -> Record:
    """The record with something more to remember in the same state. It counts as a write."""
    return dataclasses.replace(record, **changes, writes=record.writes + 1)


def read(row: Mapping[str, Any] | None) -> Record | None:
    """The record that a file holds; None if it holds none that we understand."""
    try:
        if row is None or set(row) - {each.name for each in dataclasses.fields(Record)}:
            return None
        watch = Watch(**row.get("watch", {}))
        record = Record(**{**row, "watch": watch, "state": State(row.get("state", "idle"))})
    except (TypeError, ValueError, AttributeError):
        return None
    return record if _sound(record) and _sound(watch) else None


def recovered(record: Record | None, *, torn: bool, boot: str, active: int, previous: int) -> Record:
    """What a start makes of what it finds.

    Args:
        record: What `state.json` says; None if it is not there or says nothing that can be understood.
        torn: It is there, but says nothing.
        boot: This start of the machine.
        active: Seq of the set that serves; 0: none.
        previous: Seq of the one before; 0: none.
    """
    if record is None:
        if torn and active and previous:
            # Whether the active set had proven itself stood in that file: it does so once more.
            return Record(
                state=State.PROBATION, origin="signed", boot=boot, old=previous, new=active, writes=1
            )
        return Record(boot=boot)
    rebooted = bool(record.boot) and record.boot != boot
    if record.state == State.TRIAL:
        return _trial_again(record, boot, rebooted=rebooted)
    if record.state == State.PROBATION and rebooted:
        reboots = record.reboots + 1
        if reboots >= MOST_REBOOTS:
            return after(record, Event.FAILED, reason="restarts", boot=boot, reboots=reboots)
        return after(record, Event.AGAIN, boot=boot, reboots=reboots)
    return dataclasses.replace(record, boot=boot)


def _trial_again(record: Record, boot: str, *, rebooted: bool) -> Record:
    """A trial in whose midst we died may be why we died."""
    if record.attempts >= MOST_TRIALS:
        return after(record, Event.FAILED, reason="interrupted", boot=boot)
    return after(
        record, Event.AGAIN, boot=boot, attempts=record.attempts + 1, reboots=record.reboots + rebooted
    )


def _sound(record: Any) -> bool:
    kinds = {"str": str, "int": int, "bool": bool, "float": (int, float), "State": State, "Watch": Watch}
    for each in dataclasses.fields(record):
        value, kind = getattr(record, each.name), kinds[str(each.type)]
        if not isinstance(value, kind) or (kind is int and (isinstance(value, bool) or value < 0)):  # type: ignore[arg-type]
            return False
    return True
