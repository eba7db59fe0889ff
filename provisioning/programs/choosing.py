"""Which program a start of the house takes, and what becomes of one that does not do well. Pure.

Owns: the rules: how often a candidate may start, when a new one is put back, what is put in its place.
Does not know: files, services, or the time of day beyond what it is told.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from provisioning.programs import reasons
from provisioning.programs.state import (
    MOST_REFUSED,
    Candidate,
    Ending,
    Probation,
    Program,
    Refused,
    State,
    older,
)

MOST_STARTS = 2  # of a candidate without a verdict
MOST_CRASHES = 2  # in the time after a program was kept
PROBATION_S = 24 * 3600.0  # of service


@dataclass(frozen=True, kw_only=True)
class Base:
    """The version in the system's root, which is always there."""

    version: str
    architecture: str
    python: str


@dataclass(frozen=True, kw_only=True)
class Start:
    """Why the house starts."""

    failed: bool = False  # systemd starts it again, because it ended by itself
    was_ready: bool = True  # before that, it had come up
    by_watchdog: bool = False  # it had hung


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What runs, and what is remembered from now on."""

    state: State
    program: Program | None  # None: the base


def choose(state: State, base: Base, start: Start, now: float) -> Choice:
    """Which program runs at this start. A candidate's start is counted in the state, which must be kept before it runs.

    Args:
        state: What is remembered.
        base: The version in the root.
        start: Why the house starts.
        now: Seconds since 1970.
    """
    candidate = state.candidate
    if candidate and not fits(candidate.program, base):
        state = dropped(state, base, "overtaken", now)
    elif candidate:
        against = _against(candidate, start)
        if not against:
            counted = dataclasses.replace(candidate, starts=candidate.starts + 1)
            return Choice(state=dataclasses.replace(state, candidate=counted), program=candidate.program)
        state = dropped(state, base, against, now)
    elif state.probation and state.current and start.failed:
        state = _crashed(state, base, start, now)
    return Choice(state=state, program=running(state, base))


def fits(program: Program, base: Base) -> bool:
    """Whether a program can run on this base, and is newer: an update of the system brings a version of its own."""
    return (
        older(base.version, program.version)
        and not older(base.version, program.needs_system)
        and (program.architecture, program.python) == (base.architecture, base.python)
    )


def running(state: State, base: Base) -> Program | None:
    """What runs when nothing is tried; None: the base."""
    return next((each for each in (state.current, state.previous) if each and fits(each, base)), None)


def before(state: State, base: Base) -> Program | None:
    """What the box would go back to; None: the base."""
    previous = state.previous
    return previous if previous and previous != running(state, base) and fits(previous, base) else None


def taken(state: State, program: Program, now: float) -> State:
    """The state with a candidate whose file is there."""
    return dataclasses.replace(state, candidate=Candidate(program=program, since=now))


def begun(state: State, limit_s: float) -> State:
    """The state of a trial for which it is known how long it may last."""
    if state.candidate is None:
        return state
    return dataclasses.replace(state, candidate=dataclasses.replace(state.candidate, limit_s=limit_s))


def kept(state: State, base: Base, now: float) -> State:
    """The candidate did well: it is the current one, on probation."""
    if state.candidate is None:
        return state
    program = state.candidate.program
    highest = max((state.committed_version, program.version), key=_Ordered)
    last = _ending("committed", program, program.version, "committed", now)
    return dataclasses.replace(
        state,
        current=program,
        previous=running(state, base),
        candidate=None,
        probation=Probation(),
        committed_version=highest,
        last=last,
    )


def dropped(state: State, base: Base, reason: str, now: float) -> State:
    """The candidate did not do well: what ran before runs on."""
    if state.candidate is None:
        return state
    without = dataclasses.replace(state, candidate=None)
    return _put_back(without, state.candidate.program, base, reason, now)


def refused(state: State, program: Program, base: Base, reason: str, now: float) -> State:
    """The program did not even become a candidate."""
    changed = _put_back(state, program, base, reason, now)
    assert changed.last  # noqa: S101 - it was just set
    return dataclasses.replace(changed, last=dataclasses.replace(changed.last, result="refused"))


def gone_back(state: State, base: Base, now: float) -> State:
    """The owner wants the version before; only where a program runs."""
    left = running(state, base)
    if left is None:
        return state
    back = before(state, base)
    last = _ending("went_back", left, back.version if back else base.version, "asked", now)
    return dataclasses.replace(state, current=back, previous=None, probation=None, last=last)


def without(state: State, program: Program, base: Base, now: float) -> State:
    """The state when a program's file turns out to be damaged or gone."""
    if state.candidate and state.candidate.program.sha256 == program.sha256:
        return dropped(state, base, "damaged", now)
    if state.previous == program and state.current != program:
        return dataclasses.replace(state, previous=None)
    back = before(state, base)
    changed = dataclasses.replace(state, current=back, previous=None, probation=None)
    return _put_back(changed, program, base, "damaged", now)


def served(state: State, seconds: float) -> State:
    """The state after so many more seconds of service."""
    if state.probation is None:
        return state
    so_far = state.probation.served + max(0.0, seconds)
    left = None if so_far >= PROBATION_S else dataclasses.replace(state.probation, served=so_far)
    return dataclasses.replace(state, probation=left)


def _against(candidate: Candidate, start: Start) -> str:
    """Why a candidate may not start once more; empty: it may."""
    if start.failed and start.by_watchdog:
        return "watchdog"
    if candidate.starts < MOST_STARTS:
        return ""
    if start.failed:
        return "crashed" if start.was_ready else "does_not_start"
    return "started_too_often"


def _crashed(state: State, base: Base, start: Start, now: float) -> State:
    """One crash more of the program on probation."""
    assert state.probation  # noqa: S101 - the caller has looked
    assert state.current  # noqa: S101
    crashes = state.probation.crashes + 1
    if crashes <= MOST_CRASHES and not start.by_watchdog:
        return dataclasses.replace(state, probation=dataclasses.replace(state.probation, crashes=crashes))
    changed = dataclasses.replace(state, current=before(state, base), previous=None, probation=None)
    return _put_back(changed, state.current, base, "watchdog" if start.by_watchdog else "crashed", now)


def _put_back(state: State, program: Program, base: Base, reason: str, now: float) -> State:
    """The state that remembers why a program went."""
    runs = running(state, base)
    last = _ending("rolled_back", program, runs.version if runs else base.version, reason, now)
    noted = Refused(
        sha256=program.sha256, version=program.version, reason=reason, sentence=last.sentence, at=now
    )
    others = tuple(each for each in state.refused if each.sha256 != program.sha256)
    return dataclasses.replace(state, refused=(noted, *others)[:MOST_REFUSED], last=last)


def _ending(result: str, program: Program, to: str, reason: str, now: float) -> Ending:
    return Ending(
        result=result,
        sha256=program.sha256,
        version=program.version,
        to=to,
        reason=reason,
        sentence=reasons.sentence(reason, to),
        at=now,
    )


class _Ordered:
    """A version as a key of max()."""

    def __init__(self, version: str) -> None:
        self._version = version

    def __lt__(self, other: _Ordered) -> bool:
        return older(self._version, other._version)
