"""A busy machine: with how many threads to compute while other processes want the cores too.

Owns: the rule, and looking at the kernel's figures twice a second.
Does not know: what computes. It has no thread: whoever computes asks before each step, and most of the time is told what it knows.

llama.cpp's threads wait for each other hundreds of times a token. When one of them has no core, all wait; so every thread that has to
share its core slows down those that have one of their own. Then fewer threads compute more.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_LOOK_S = 0.5
_BURST_S = 0.8  # shorter work of others, such as a program's start, is borne: fewer threads for seconds would cost more
_CALM_S = 1.5  # of quiet before a thread more is tried
_WAITING = 0.15  # of the time somebody waited for a core; below it, nobody is in anybody's way
_TOO_MANY = 0.5  # cores that our threads lack
_TO_SPARE = 0.6  # cores free beyond our threads
_STALE_S = 2.0  # after such a pause, what was used meanwhile may long be over
_TICK = re.compile(r"^cpu(\d+) (\d+) (\d+) (\d+) \d+ \d+ (\d+) (\d+)", re.MULTILINE)
_RUNNING = re.compile(r"^procs_running (\d+)", re.MULTILINE)
_TOTAL = re.compile(r"^some .*total=(\d+)", re.MULTILINE)


def threads_for(now: int, *, most: int, cores: int, others: float, waiting: float | None) -> int:
    """With how many threads to go on.

    Args:
        now: With how many it computes.
        most: With how many it computes when it is alone.
        cores: Processors that it may run on.
        others: Cores' worth of time that other processes used of late.
        waiting: Share of that time in which somebody waited for a core; None: the kernel does not tell.
    """
    free = cores - others
    # Whoever uses a core that we do not want is in nobody's way; but where there is no core left, we shall be in theirs.
    in_the_way = waiting is None or waiting > _WAITING or free < _TOO_MANY
    if free < now - _TOO_MANY and in_the_way:
        return max(int(free + _TOO_MANY), fewest(most), 1)
    if free > now + _TO_SPARE:
        return min(now + 1, most)
    return now


def fewest(most: int) -> int:
    """Half: with fewer threads the others would get more than their share."""
    return (most + 1) // 2


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The kernel's figures at one moment, all growing."""

    at: float  # seconds
    busy: float  # seconds that the processors worked, together
    ours: float  # seconds of it that this process worked
    waited: float | None  # seconds in which somebody waited for a core
    running: int  # others that want a core at this very moment; not growing


class Pressure:
    """Watches the machine for one engine; used from its thread alone."""

    def __init__(
        self,
        most: int,
        *,
        proc: Path = Path("/proc"),
        processors: frozenset[int] | None = None,
        clock: Callable[[], float] = time.monotonic,
        ours: Callable[[], float] = time.process_time,
    ) -> None:
        """Begins with all threads.

        Args:
            most: Threads that compute when the machine is not busy.
            proc: Where the kernel's figures are found.
            processors: Those that we may run on; None: as the kernel says.
            clock: Seconds.
            ours: Seconds that this process has computed.
        """
        self._most = self._now = most
        self._proc, self._clock, self._ours = proc, clock, ours
        self._processors = _allowed() if processors is None else processors
        self._last: Sample | None = None
        self._looked_at = -_LOOK_S
        self._calm = self._pressed = 0.0  # seconds

    def threads(self) -> int:
        """With how many threads to compute the next step."""
        if self._most > 1 and self._clock() - self._looked_at >= _LOOK_S:
            self._look()
        return self._now

    def _look(self) -> None:
        sample, last = self._sample(), self._last
        self._looked_at, self._last = self._clock(), sample
        if sample is None or last is None:
            return
        passed = sample.at - last.at
        others = max(0.0, (sample.busy - last.busy) - (sample.ours - last.ours)) / passed
        if (
            passed > _STALE_S
        ):  # nothing was computed here for a while: who was busy then must be so now as well
            others = min(others, sample.running)
        waiting = None
        if sample.waited is not None and last.waited is not None:
            waiting = (sample.waited - last.waited) / passed
        wanted = threads_for(
            self._now, most=self._most, cores=len(self._processors), others=others, waiting=waiting
        )
        self._calm = self._calm + passed if wanted > self._now else 0.0
        self._pressed = self._pressed + passed if wanted < self._now else 0.0
        if self._pressed >= _BURST_S or self._calm >= _CALM_S:
            self._now, self._calm, self._pressed = wanted, 0.0, 0.0

    def _sample(self) -> Sample | None:
        """The figures; None where there are none, as on other systems than Linux."""
        try:
            ticks = (self._proc / "stat").read_text(encoding="ascii")
        except OSError:
            return None
        busy = sum(
            sum(map(int, figures))
            for number, *figures in _TICK.findall(ticks)
            if int(number) in self._processors
        )
        waited = None
        with contextlib.suppress(OSError):  # a kernel that does not count this, as Raspberry Pi OS has it
            found = _TOTAL.search((self._proc / "pressure" / "cpu").read_text(encoding="ascii"))
            waited = int(found[1]) / 1e6 if found else None
        running = _RUNNING.search(ticks)
        return Sample(
            at=self._clock(),
            busy=busy / _ticks_a_second(),
            ours=self._ours(),
            waited=waited,
            running=max(0, int(running[1]) - 1) if running else len(self._processors),
        )


def _allowed() -> frozenset[int]:
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def _ticks_a_second() -> int:
    return int(os.sysconf("SC_CLK_TCK"))
