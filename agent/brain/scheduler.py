"""The order of service: who of those that ask is worked on in the next step. Pure.

Owns: the rule. Those who wait in person go first, and while one of them is there the others pause; nobody gets a second place
before everybody has one; who was served least goes first; what has begun goes on.
Does not know: the model, the clock, or what anybody asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from agent.brain import Asker

_PATIENCE_S = 600.0  # after which somebody who can wait has waited long enough
_MOST_PERSONS = 512
_FORGIVING_S = 600.0  # in which half of what somebody has had is forgotten


class Standing(Protocol):
    """What the rule looks at."""

    @property
    def asker(self) -> Asker:
        """On whose behalf."""

    @property
    def arrived(self) -> float:
        """When it came, in seconds."""

    @property
    def begun(self) -> bool:
        """Whether something of it is computed."""

    @property
    def parked(self) -> bool:
        """Whether there was no room for it, until somebody goes."""

    @property
    def left(self) -> int:
        """Tokens still to be read before the next one can be written."""


Job = TypeVar("Job", bound=Standing)


class Scheduler:
    """The rule, and what each person has had lately."""

    def __init__(self, parallel: int) -> None:
        """Begins with nobody served.

        Args:
            parallel: How many are worked on at once.
        """
        self._parallel = parallel
        self._had: dict[str, float] = {}  # person -> tokens, of late
        self._counted = 0.0

    def choose(self, jobs: Iterable[Job], now: float) -> list[Job]:
        """Who is worked on in the next step, the most urgent first."""
        urgent: list[Job] = []
        patient: list[Job] = []
        for job in jobs:
            (urgent if is_urgent(job, now) else patient).append(job)
        waiting = urgent or patient
        chosen: list[Job] = []
        places: dict[str, int] = {}
        while waiting and len(chosen) < self._parallel:
            job = min(waiting, key=lambda each: self._rank(each, places))
            waiting.remove(job)
            if job.parked and (chosen or any(not other.parked for other in waiting)):
                continue
            chosen.append(job)
            places[job.asker.person] = places.get(job.asker.person, 0) + 1
        return chosen

    def charge(self, person: str, tokens: int, now: float) -> None:
        """Notes what somebody had."""
        if now - self._counted > _FORGIVING_S:
            self._counted = now
            self._had = {who: had / 2 for who, had in self._had.items() if had > 1}
        if len(self._had) >= _MOST_PERSONS:  # clients may name whom they like
            self._had = dict(sorted(self._had.items(), key=lambda each: each[1])[_MOST_PERSONS // 2 :])
        self._had[person] = self._had.get(person, 0.0) + tokens

    def _rank(self, job: Standing, places: dict[str, int]) -> tuple[int, bool, float, float]:
        person = job.asker.person
        return (places.get(person, 0), not job.begun, self._had.get(person, 0.0), job.arrived)


def is_urgent(job: Standing, now: float) -> bool:
    """Whether somebody waits for it in person, or has waited long enough."""
    return job.asker.priority == "interactive" or now - job.arrived > _PATIENCE_S


def reading_order(jobs: Iterable[Job], now: float, speed: float) -> list[Job]:
    """Whose prompt is read first: the shortest, but every second of waiting counts as a second less to read.

    Args:
        jobs: Those that are worked on.
        now: On the clock of their `arrived`.
        speed: Tokens read in a second.
    """
    return sorted(jobs, key=lambda job: job.left / speed - (now - job.arrived))
