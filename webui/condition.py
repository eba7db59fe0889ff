"""The box's condition: its processes, memory, disk and warmth, as plain figures.

Owns: asking the operating system and supervisord.
Does not know: pages.
"""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from agent import processes
from agent.errors import NisseError
from agent.processes import Process
from agent.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """One figure against its most."""

    name: str
    used: int  # bytes
    whole: int  # bytes
    scarce: bool


def gauges(settings: Settings) -> list[Gauge]:
    """Memory and disk."""
    memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(settings.home))
    in_use = memory.total - memory.available
    return [
        Gauge(name="Memory", used=in_use, whole=memory.total, scarce=memory.available < 0.08 * memory.total),
        Gauge(
            name="Disk", used=disk.total - disk.free, whole=disk.total, scarce=disk.free < 0.08 * disk.total
        ),
    ]


def running(settings: Settings) -> list[Process]:
    """The processes; none where no supervisord runs."""
    try:
        return processes.states(settings)
    except NisseError:
        return []
