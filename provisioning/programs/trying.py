"""The trial of a candidate, and the day after it was kept.

Owns: how long it has, how often it must be found well, and what is done then; the hours of probation.
Does not know: how a start chooses (`starting`, which also counts the crashes), nor how a question is asked (`house`).

Whoever is killed in the midst begins again: the candidate's starts are counted by the choice of each start, so nothing is tried for ever.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from agent import logs
from agent.errors import NisseError
from provisioning.box.places import Places
from provisioning.programs import choosing, starting
from provisioning.programs.choosing import Base
from provisioning.programs.house import Service, all_well
from provisioning.programs.state import Book, Candidate
from provisioning.slots.health import Finding

LIMIT_S = 120.0  # to be found well, on a box whose house comes up in USUAL_S
LONGEST_LIMIT_S = 600.0  # less than the health of the slot waits before it starts the box anew
USUAL_S = 15.0
STEADY_S = 20.0
_LOOK_EVERY_S = 3.0
_TAKEN_WITHIN_S = 120.0  # from the order to the choice: the version before ends in between
_NOTE_EVERY_S = 3600.0
_log = logging.getLogger(__name__)


class Asked(Protocol):
    """The house that is asked and started anew."""

    def service(self) -> Service:
        """What systemd says of it."""

    def restart(self) -> None:
        """Starts it anew."""

    def look(self, version: str, seconds: float) -> Sequence[Finding]:
        """The questions of a trial."""


class Trial:
    """One trial, and the probation behind it."""

    def __init__(
        self,
        places: Places,
        base: Base,
        house: Asked,
        *,
        rest: Callable[[float], None] = time.sleep,
        ticks: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Does nothing yet.

        Args:
            places: Where the box's things lie.
            base: The version in the root.
            house: Who is asked.
            rest: Waits so many seconds.
            ticks: Seconds on a clock that only goes forward.
            now: Seconds since 1970.
        """
        self._places, self._base, self._house = places, base, house
        self._rest, self._ticks, self._now = rest, ticks, now
        self._book = Book(places)

    def run(self) -> bool:
        """Sees a candidate through; where there is none, counts the hours of what is on probation.

        Returns:
            Whether there was a candidate, so that more may be to do.
        """
        candidate = self._book.read().candidate
        if candidate is None:
            self._watch()
            return False
        self._try(candidate)
        return True

    def _try(self, candidate: Candidate) -> None:
        sha256 = candidate.program.sha256
        limit = self._begin(candidate)
        if starting.runs(self._places) != sha256:
            logs.event(_log, "trial.begins", version=candidate.program.version, limit_s=round(limit))
            self._house.restart()
        if not self._until_taken(sha256):
            if self._is_tried(sha256):
                self._end(sha256, "does_not_start", "the house did not start with it")
            return
        findings, is_well = self._until_well(candidate, limit)
        words = "; ".join(f"{finding.about}: {finding.words}" for finding in findings)
        if is_well:
            self._keep(sha256, words)
        elif self._is_tried(sha256):
            self._end(sha256, "not_well", words)

    def _begin(self, candidate: Candidate) -> float:
        """How long it has: a box that is slow with the version before is slow with this one, too."""
        if candidate.limit_s:
            return candidate.limit_s
        try:
            usual = self._house.service().seconds_to_ready
        except NisseError:
            usual = 0.0
        limit = min(max(LIMIT_S, LIMIT_S * usual / USUAL_S), LONGEST_LIMIT_S)
        with self._book.alone():
            self._book.write(choosing.begun(self._book.read(), limit))
        return limit

    def _until_taken(self, sha256: str) -> bool:
        """Waits until a start has chosen it."""
        until = self._ticks() + _TAKEN_WITHIN_S
        while self._ticks() < until and self._is_tried(sha256):
            if starting.runs(self._places) == sha256:
                return True
            self._rest(1.0)
        return False

    def _until_well(self, candidate: Candidate, limit: float) -> tuple[Sequence[Finding], bool]:
        """Waits until it is found well twice; not longer than it has, and not when a start has put it back."""
        sha256, version = candidate.program.sha256, candidate.program.version
        until, since = self._ticks() + limit, None
        findings: Sequence[Finding] = ()
        while self._ticks() < until and self._is_tried(sha256):
            findings = self._house.look(version, until - self._ticks())
            well = all_well(findings) and self._ticks() < until
            if well and since is not None and self._ticks() - since >= STEADY_S:
                return findings, True
            if not well:
                since = None
            elif since is None:
                since = self._ticks()
            self._rest(STEADY_S if well else _LOOK_EVERY_S)
        return findings, False

    def _is_tried(self, sha256: str) -> bool:
        candidate = self._book.read().candidate
        return candidate is not None and candidate.program.sha256 == sha256

    def _keep(self, sha256: str, words: str) -> None:
        with self._book.alone():
            if not self._is_tried(sha256):
                return
            state = choosing.kept(self._book.read(), self._base, self._now())
            self._book.write(state)
            self._book.sweep(state)
        logs.event(_log, "trial.kept", version=state.current and state.current.version, why=words)

    def _end(self, sha256: str, reason: str, words: str) -> None:
        with self._book.alone():
            if not self._is_tried(sha256):
                return
            self._book.write(choosing.dropped(self._book.read(), self._base, reason, self._now()))
        logs.event(_log, "trial.failed", level=logging.ERROR, reason=reason, why=words)
        self._house.restart()

    def _watch(self) -> None:
        """Counts the hours in which what was kept serves."""
        while self._book.read().probation is not None:
            self._rest(_NOTE_EVERY_S)
            try:
                is_active = self._house.service().is_active
            except NisseError:
                continue
            if is_active:
                with self._book.alone():
                    self._book.write(choosing.served(self._book.read(), _NOTE_EVERY_S))
