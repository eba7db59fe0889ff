"""What this machine has to think with: memory and cores, within what a container leaves of them.

Owns: the two questions. Does not know: models.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

_MEGABYTE = 1_000_000
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def memory() -> int:
    """MB of memory that this process may come to use, everything else on the box included."""
    total = int(psutil.virtual_memory().total)
    with contextlib.suppress(OSError, ValueError):  # no limit, or none that is told
        total = min(total, int(_CONTAINER_LIMIT.read_text(encoding="ascii")))
    return total // _MEGABYTE


def cores() -> int:
    """Physical cores that this process may run on; two threads of one core only wait for each other here."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))
