"""Where the systems meet: it starts those that a measurement compares, lets one after another do its part, and writes down what came.

Owns: the book of samples, the rounds, what happens when a system fails, and the line of progress.
Does not know: what is measured, or what the samples mean.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.bench.asking import AskingError, ask
from tests.bench.peers import SERVERS, Box, Peer, PeerError, RawLoop
from tests.bench.prompts import Prompts
from tests.bench.watch import Watch

_MOST_FAILURES = 2  # of one system in one measurement; then it is left out
_BUSY_OTHERS = 0.1  # cores

Samples = Mapping[str, float]


@dataclass
class Book:
    """What was measured: by measure and system, round by round."""

    samples: dict[str, dict[str, dict[int, float]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    disturbed: list[str] = field(default_factory=list)  # samples while others used the machine
    others: list[float] = field(default_factory=list)  # cores, by sample
    notes: dict[str, object] = field(default_factory=dict)

    def write(self, measure: str, system: str, round_: int, value: float) -> None:
        """One sample."""
        self.samples.setdefault(measure, {}).setdefault(system, {})[round_] = value

    def values(self, measure: str, system: str) -> dict[int, float]:
        """The samples of one system, by round."""
        return self.samples.get(measure, {}).get(system, {})


class Stage:
    """One run."""

    def __init__(self, box: Box, rounds: float = 1.0) -> None:
        """Starts the yardstick.

        Args:
            box: What is the same for all.
            rounds: The usual number of rounds is multiplied by this.
        """
        self.box, self.factor = box, rounds
        self.book = Book()
        self.prompts = Prompts(int(time.time()))
        self.raw = RawLoop(box)
        self._failures: dict[str, int] = {}

    def close(self) -> None:
        """Ends the yardstick."""
        self.raw.stop()

    def count(self, usual: int) -> int:
        """How many rounds, or repetitions, of a usual number."""
        return max(1, round(usual * self.factor))

    def rounds(self, title: str, usual: int, budget_s: float) -> Iterator[int]:
        """The rounds of one measurement; fewer if they take longer than the budget.

        Args:
            title: What is measured, for the one who waits.
            usual: Rounds of a usual run.
            budget_s: No round begins after so many seconds.
        """
        self._failures.clear()
        began = time.monotonic()
        for round_ in range(self.count(usual)):
            if round_ and time.monotonic() - began > budget_s:
                self.book.problems.append(f"{title}: only {round_} rounds, because they took too long")
                return
            self._say(f"{title}: round {round_ + 1} of {self.count(usual)}")
            yield round_
        self._say(f"{title}: {time.monotonic() - began:.0f} s\n")

    @contextlib.contextmanager
    def servers(self, *names: str, conversations: int = 4) -> Iterator[list[Peer]]:
        """Those servers, started, warm and quiet; what does not start is left out and noted."""
        running: list[Peer] = []
        try:
            for name in names:
                peer = SERVERS[name](self.box, conversations)
                try:
                    peer.start()
                    running.append(peer)
                    self.warm(peer)
                    peer.look()
                    if peer.restless:
                        self.book.problems.append(f"{name} takes processor time while nobody asks it")
                    peer.rest()
                except (PeerError, AskingError, OSError) as failed:
                    self._problem(name, "start", failed)
                    if peer in running:
                        running.remove(peer)
                    peer.stop()
            yield running
        finally:
            for peer in running:
                peer.stop()

    def warm(self, peer: Peer) -> None:
        """A first short answer, which nobody measures."""
        ask(peer.port, self.prompts.chat(), 8)

    def sample(self, round_: int, system: Peer | RawLoop, measure: Callable[[], Samples]) -> None:
        """Lets one system do its part, alone on the machine.

        Args:
            round_: Number of the round.
            system: Who.
            measure: What; it returns samples by measure.
        """
        if self._failures.get(system.name, 0) >= _MOST_FAILURES:
            return
        if isinstance(system, Peer):
            system.resume()
        try:
            with Watch() as watch:
                samples = measure()
        except (AskingError, PeerError, OSError) as failed:
            self._problem(system.name, "measure", failed)
            return
        finally:
            if isinstance(system, Peer):
                system.rest()
        for name, value in samples.items():
            self.book.write(name, system.name, round_, value)
        self.book.others.append(watch.others)
        if watch.others > _BUSY_OTHERS:
            self.book.disturbed.append(f"{'/'.join(samples)} of {system.name}: {watch.others:.2f} cores")
        shown = ", ".join(f"{name} {value:.3g}" for name, value in samples.items())
        self._say(f"  {system.name}: {shown}")

    def _problem(self, name: str, what: str, failed: Exception) -> None:
        self._failures[name] = self._failures.get(name, 0) + 1
        self.book.problems.append(f"{name} ({what}): {failed}"[:400])
        self._say(f"{self.book.problems[-1]}\n")

    @staticmethod
    def _say(line: str) -> None:
        end = "" if sys.stdout.isatty() and not line.endswith("\n") else "\n"
        begin = "\r\033[K" if sys.stdout.isatty() else ""
        sys.stdout.write(f"{begin}{line.rstrip()}{end}")
        sys.stdout.flush()
