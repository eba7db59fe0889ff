"""The steps from nothing to an image, in their order. Makes nothing: what is printed by `--plan` is what would be run.

Owns: the order.
Does not know: what a step does.
"""

from __future__ import annotations

from agent.errors import NotFoundError
from provisioning.image import (
    bytecode,
    disk,
    engine,
    environment,
    esp,
    furnishing,
    papers,
    rootfs,
    slot,
    wheels,
)
from provisioning.image.job import Job
from provisioning.image.step import Step


def plan(job: Job, *, until: str = "") -> tuple[Step, ...]:
    """All steps of a job.

    Args:
        job: What is to be built.
        until: Name of the last step; empty: all of them.

    Raises:
        NotFoundError: There is no step of that name.
    """
    steps = (
        *wheels.steps(job),
        *engine.steps(job),
        *rootfs.steps(job),
        *environment.steps(job),
        *bytecode.steps(job),
        *furnishing.steps(job),
        *esp.steps(job),
        papers.inventory_step(job),
        *slot.steps(job),
        *disk.steps(job),
        papers.packing_step(job),
    )
    if not until:
        return steps
    names = [step.name for step in steps]
    if until not in names:
        raise NotFoundError(f"There is no step {until!r}.", hint=f"There are: {', '.join(names)}.")
    return steps[: names.index(until) + 1]
