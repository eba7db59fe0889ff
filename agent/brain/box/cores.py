"""Physical cores that this process may run on, and which of them are fast.

Owns: where Linux tells it.
Does not know: what computes on them.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import psutil

from agent.brain.box.kernel import groups, text

_UNLIMITED = 65_536
_FAST = 0.9  # of the fastest core's speed; cores of one kind differ by a little


def count(root: Path) -> tuple[int, int]:
    """Physical cores that this process may run on, and how many of them are of the fastest kind."""
    allowed = _allowed(root)
    speeds = {
        _first_sibling(folder): _speed(folder) for number, folder in _processors(root) if number in allowed
    }
    quota = _quota(root)
    if not speeds:
        cores = max(1, min(psutil.cpu_count(logical=False) or len(allowed), len(allowed), quota))
        return cores, cores
    fastest = max(speeds.values())
    fast = sum(speed > _FAST * fastest for speed in speeds.values()) if fastest else len(speeds)
    return max(1, min(len(speeds), quota)), max(1, min(fast, quota))


def _processors(root: Path) -> Iterator[tuple[int, Path]]:
    for folder in (root / "sys/devices/system/cpu").glob("cpu[0-9]*"):
        yield int(folder.name.removeprefix("cpu")), folder


def _allowed(root: Path) -> set[int]:
    found = re.search(r"^Cpus_allowed_list:\s+(\S+)", text(root / "proc/self/status"), re.MULTILINE)
    return set(_numbers(found[1])) if found else set(range(os.cpu_count() or 1))


def _numbers(text: str) -> Iterator[int]:
    """What "0-3,7" means."""
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _first_sibling(folder: Path) -> int:
    """The first of the threads of one core: two of them only wait for each other here."""
    siblings = text(folder / "topology/thread_siblings_list") or folder.name.removeprefix("cpu")
    return next(_numbers(siblings.strip()))


def _speed(folder: Path) -> int:
    """How fast a core is beside its neighbours, in any unit; 0: not told."""
    for name in ("cpu_capacity", "acpi_cppc/highest_perf", "cpufreq/cpuinfo_max_freq"):
        with contextlib.suppress(ValueError):
            return int(text(folder / name))
    return 0


def _quota(root: Path) -> int:
    """Cores' worth of time that a container leaves us."""
    cores: list[float] = []
    for folder, version in groups(root, "cpu"):
        names = ("cpu.max",) if version == 2 else ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        words = " ".join(text(folder / name) for name in names).split()
        with contextlib.suppress(ValueError, IndexError, ZeroDivisionError):
            share = int(words[0]) / int(words[1])
            cores += [share] if share > 0 else []
    return max(1, int(min(cores, default=_UNLIMITED)))
