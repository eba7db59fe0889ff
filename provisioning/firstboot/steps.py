"""A step of the start, its marker, and what became of it.

Owns: running steps in order, each once where it is meant so, and going on when one fails that the house can live without.
Does not know: any step.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent import durable, logs
from agent.errors import NisseError
from provisioning.box.places import Places

_log = logging.getLogger(__name__)
_MARKERS = "firstboot"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to see to."""

    name: str
    do: Callable[[], None]
    once: bool = False  # in the life of a house; a factory reset begins another
    needed: bool = False  # without it the house cannot start


def run(places: Places, steps: Sequence[Step]) -> list[str]:
    """Sees to all of them.

    Args:
        places: Where the box's things lie.
        steps: In their order.

    Returns:
        The names of those that failed and without which the house lives; they are tried again at the next start.

    Raises:
        NisseError, OSError: One failed that is needed.
    """
    failed = []
    for step in steps:
        marker = places.shared / _MARKERS / step.name
        if step.once and marker.exists():
            continue
        try:
            step.do()
            if step.once:
                durable.write(marker, "")
        except (NisseError, OSError, ValueError) as error:
            if step.needed:
                raise
            failed.append(step.name)
            logs.event(_log, "step.failed", level=logging.ERROR, step=step.name, error=error)
        else:
            logs.event(_log, "step.done", step=step.name)
    return failed
