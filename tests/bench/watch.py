"""Whether anybody else used the machine while something was measured.

Owns: `/proc/stat` and `/proc/pressure/cpu`, and what this run's own processes took of it.
Does not know: what is measured.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_TICK = os.sysconf("SC_CLK_TCK")
_IDLE_FIELDS = (3, 4)  # idle, iowait
_GUEST_FIELD = 8  # guest time is counted in user time already


class Watch:
    """Use it around what is measured; afterwards it tells the others' share."""

    def __init__(self) -> None:
        """Nothing is watched yet."""
        self.wall = 0.0
        self.others = 0.0  # cores that other processes, or the host, used on average

    def __enter__(self) -> Self:
        self._began, self._busy, self._own = time.perf_counter(), _busy(), _own()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wall = time.perf_counter() - self._began
        used = _busy() - self._busy - (_own() - self._own)
        self.others = max(0.0, used / self.wall) if self.wall > 0 else 0.0


def pressure() -> float:
    """Seconds, ever, in which something waited for a core (PSI); 0 where the kernel does not say."""
    try:
        some = Path("/proc/pressure/cpu").read_text().splitlines()[0]
        return int(some.rpartition("=")[2]) / 1e6
    except (OSError, ValueError, IndexError):
        return 0.0


def _busy() -> float:
    """Core seconds, ever, in which the machine was not idle."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(value for at, value in enumerate(fields[:_GUEST_FIELD]) if at not in _IDLE_FIELDS)) / _TICK


def _own() -> float:
    """Core seconds of this process, of those it started, and of those it has seen end."""
    this = psutil.Process()
    seconds = sum(this.cpu_times()[:4])
    for child in this.children(recursive=True):
        try:
            seconds += sum(child.cpu_times()[:4])
        except psutil.Error:
            continue
    return seconds
