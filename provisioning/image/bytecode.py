"""Bytecode of the house's packages, made beforehand: the box's root is read-only, and every start would make it again.

Owns: which Python makes it. Bytecode knows no processor, so for another architecture a native Python of the same suite does, which
is ten times as fast as the target's own in an emulator.
Does not know: how the packages came into the tree (`environment`).
"""

from __future__ import annotations

import shutil

from provisioning.image.job import Job
from provisioning.image.rootfs import inside
from provisioning.image.step import Command, Step, Work

_LIBRARIES = "opt/nisse/venv/lib"


def steps(job: Job) -> tuple[Step, ...]:
    """Making it."""
    compiling = (
        "/usr/bin/python3",
        # In which columns of a line something is: a trace of calls does without, and the start loads a twelfth faster.
        "-X",
        "no_debug_ranges",
        "-m",
        "compileall",
        "-q",
        "--invalidation-mode=unchecked-hash",
        f"/{_LIBRARIES}",
    )
    if job.board.kind.is_this_machine:
        return (Step(name="bytecode", says="the packages' bytecode", actions=(inside(job, *compiling),)),)
    native = job.out / "native"
    variables = inside(job).variables
    return (
        Step(
            name="native",
            says=f"the Python of {job.common.suite} for this machine",
            actions=(
                Work(f"remove {native} of an earlier build", lambda: shutil.rmtree(native, ignore_errors=True)),
                Command(
                    (
                        "mmdebstrap",
                        "--mode=root",
                        "--variant=minbase",
                        "--include=python3",
                        *(f"--aptopt={option}" for option in job.apt_options),
                        job.common.suite,
                        str(native),
                        *job.mirrors,
                    ),
                    job.steady_variables,
                ),
            ),
            product=native,
        ),
        Step(
            name="bytecode",
            says="the packages' bytecode",
            actions=(
                Work(f"move /{_LIBRARIES} to {native}", lambda: _move(job, there=True)),
                Command(("chroot", str(native), *compiling), variables),
                Work("move it back", lambda: _move(job, there=False)),
            ),
        ),
    )  # fmt: skip


def _move(job: Job, *, there: bool) -> None:
    ours, theirs = job.tree / _LIBRARIES, job.out / "native" / _LIBRARIES
    source, target = (ours, theirs) if there else (theirs, ours)
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
