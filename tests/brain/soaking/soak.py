"""The soak test of one real brain process: many mixed requests at once, and nothing may leak, break, or come out wrong.

Owns: the run, what is measured of the process before and after, and the report.
Does not know: what is asked (`wishes`), nor what is right (`reference`, `judging`).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import psutil

from tests.brain.soaking.conduct import Outcome, conduct
from tests.brain.soaking.judging import LOST, UNCLEAN, WRONG, judge
from tests.brain.soaking.reference import Expected, expect
from tests.brain.soaking.wishes import Wish, Wishes, bodies, patterns
from tests.conftest import CHAT_MODEL
from tests.live.running import Running, until
from tests.measured import Check

AT_ONCE = 8
MOST_GROWTH = 0.02
_QUIET_S = 60.0
_TIDIED_S = 12.0  # the brain tidies its heap every ten seconds
_LOOKS = 5


@dataclass(frozen=True)
class State:
    """What the process holds while nobody asks."""

    resident: int
    threads: int
    descriptors: int


@dataclass
class Result:
    """What came of it."""

    requests: int = 0
    before: State = State(0, 0, 0)
    after: State = State(0, 0, 0)
    faults: list[tuple[str, str]] = field(default_factory=list)  # kind, what
    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    compared: int = 0
    sure: int = 0  # of those compared: rounding cannot change them, they must be equal
    parted: list[float] = field(default_factory=list)  # gaps of the answers that parted at a near tie
    seconds: float = 0.0

    @property
    def growth(self) -> float:
        """Of the resident memory."""
        return self.after.resident / self.before.resident - 1

    def count(self, kind: str) -> int:
        """Faults of a kind."""
        return sum(fault == kind for fault, _ in self.faults)

    def checks(self) -> list[Check]:
        """The figures with their goals."""
        return [
            Check(
                name="memory_growth",
                value=self.growth,
                unit="of the resident memory",
                goal=f"<= {MOST_GROWTH}",
            ),
            Check(name="wrong_answers", value=self.count(WRONG), goal="<= 0"),
            Check(name="unclean_errors", value=self.count(UNCLEAN), goal="<= 0"),
            Check(name="lost_requests", value=self.count(LOST), goal="<= 0"),
            Check(name="threads_more", value=self.after.threads - self.before.threads, goal="<= 0"),
            Check(
                name="descriptors_more", value=self.after.descriptors - self.before.descriptors, goal="<= 0"
            ),
        ]


class Soak:
    """One run."""

    def __init__(self, home: Path, *, questions: int, seed: int) -> None:
        """Asks a fresh process for the right answers.

        Args:
            home: An empty folder.
            questions: How many different questions have a right answer; as many texts come beside them that must go on exactly so.
            seed: All requests follow from it.
        """
        self._home, self._seed = home, seed
        pool = bodies(questions, seed) | patterns(4 * questions, seed)
        self.expected: dict[str, Expected] = {}
        with _Brain(home / "fresh") as brain:
            for key, body in pool.items():
                found = expect(_port(brain), body)
                if found.sure or "messages" in body:
                    self.expected[key] = found
                if len(self.expected) >= 2 * questions:
                    break
        self._pool = {key: pool[key] for key in self.expected}

    @property
    def sure(self) -> int:
        """How many of the right answers must come exactly."""
        return sum(expected.sure for expected in self.expected.values())

    def run(self, *, warm_up: int, requests: int) -> Result:
        """Soaks a second process.

        Args:
            warm_up: Requests before the first look at its memory.
            requests: Requests after it.
        """
        result = Result()
        wishes, began = Wishes(self._pool, self._seed), time.monotonic()
        with _Brain(self._home / "soaked") as brain:
            self._conduct_all(brain, wishes.some(warm_up), result)
            result.before = _settled(brain)
            self._conduct_all(brain, wishes.some(requests), result)
            result.after = _settled(brain)
            self._conduct_all(brain, wishes.each(), result)
        result.seconds = time.monotonic() - began
        return result

    def _conduct_all(self, brain: _Brain, wishes: list[Wish], result: Result) -> None:
        port = _port(brain)
        chances = [random.Random(f"{self._seed} {result.requests + at}") for at in range(len(wishes))]
        with ThreadPoolExecutor(AT_ONCE) as clients:
            outcomes = list(clients.map(lambda wish, chance: conduct(port, wish, chance), wishes, chances))
        for wish, outcome in zip(wishes, outcomes, strict=True):
            self._note(wish, outcome, result)

    def _note(self, wish: Wish, outcome: Outcome, result: Result) -> None:
        result.requests += 1
        result.kinds[wish.kind] += 1
        result.statuses["hung up" if wish.hang_up else str(outcome.status)] += 1
        result.statuses["503 first"] += len(outcome.refusals)
        result.faults += [
            (kind, f"{wish.kind}: {said}") for kind, said in judge(wish, outcome, self.expected)
        ]
        if wish.key and outcome.status == 200 and not wish.stream:
            expected = self.expected[wish.key]
            for choice in outcome.json["choices"]:
                gap = expected.gap(choice["message"]["content"] if "message" in choice else choice["text"])
                result.compared += 1
                result.sure += expected.sure
                if gap:
                    result.parted.append(round(gap, 3))


class _Brain(Running):
    """A brain that answers."""

    def __init__(self, home: Path) -> None:
        """Not started yet."""
        super().__init__(home, {"brain.model": CHAT_MODEL, "brain.context": "2048", "recall.embedder": ""})

    def __enter__(self) -> Self:
        self.process = self.start("brain", wait_for="brain")
        until(lambda: (self.answers("brain") or {}).get("ready"), 120, f"a ready brain (see {self.home})")
        return self


def _port(brain: _Brain) -> int:
    return urlsplit(brain.settings.text("brain.url")).port or 0


def _settled(brain: _Brain) -> State:
    """Waits until nothing is worked on, everything is saved and the heap is tidied, then looks: the least of some looks, a second apart."""

    def quiet() -> bool:
        info = brain.answers("brain") or {}
        queue, saved = info.get("queue") or {"working": 1}, (info.get("engine") or {}).get("saved") or {}
        return not any((queue["working"], queue.get("waiting"), saved.get("pending"), saved.get("unsaved")))

    until(quiet, _QUIET_S, "a brain that rests")
    time.sleep(_TIDIED_S)
    process = psutil.Process(brain.process.pid)
    states = []
    for _ in range(_LOOKS):
        time.sleep(1)
        states.append(State(process.memory_info().rss, process.num_threads(), process.num_fds()))
    return State(
        *(min(getattr(state, name) for state in states) for name in ("resident", "threads", "descriptors"))
    )
