"""llama.cpp for every processor of the target's kind in one wheel; the right variant is chosen when it is loaded.

Owns: compiling llama-cpp-python, also across architectures, and the wheel's tag.
Does not know: the other packages, nor how the brain loads it (`agent.brain.llama.library`).
"""

from __future__ import annotations

import re
from pathlib import Path

from agent.errors import UnavailableError
from provisioning.image.carrying_out import run
from provisioning.image.job import Job
from provisioning.image.step import Command, Step, Work
from provisioning.image.wheels import ENGINE, fetched, note_hash, pinned, pip

_VARIANTS = Path("vendor/llama.cpp/ggml/src/CMakeLists.txt")


def steps(job: Job) -> tuple[Step, ...]:
    """Compiling it; kept between builds, as it takes ten minutes and more."""
    kind, workshop = job.board.kind, job.wheelhouse / "engine"
    stem = f"{ENGINE.replace('-', '_')}-{_version(job)}"
    source, made = workshop / stem, workshop / "made"
    wheel = job.wheelhouse / f"{stem}-py3-none-linux_{kind.machine}.whl"
    variables = {**job.steady_variables, "CMAKE_ARGS": " ".join(kind.engine_flags)}
    compiling = (
        *pip(job, "wheel"),
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        # Kept, so that a build that was broken off goes on where it was.
        "--config-settings=build-dir=../objects",  # as seen from the source
        f"--wheel-dir={made}",
        str(source),
    )
    return (
        Step(
            name="engine",
            says=f"llama.cpp for every {kind.machine} processor: 10 minutes or more, only once",
            actions=(
                Command(("mkdir", "-p", str(made))),
                Command(("tar", "-x", "-f", str(fetched(job) / f"{stem}.tar.gz"), "-C", str(workshop))),
                Work(
                    f"leave out the variants {', '.join(kind.without_variants) or '(none)'}",
                    lambda: _leave_out(source / _VARIANTS, kind.without_variants),
                ),
                Command(compiling, variables),
                Work(f"tag it for linux_{kind.machine} as {wheel.name}", lambda: _take(job, made, wheel)),
            ),
            product=wheel,
            alone_in=job.wheelhouse,
        ),
    )


def _version(job: Job) -> str:
    return next(pin.version for pin in pinned(job) if pin.name == ENGINE)


def _leave_out(listing: Path, variants: tuple[str, ...]) -> None:
    text = listing.read_text(encoding="utf-8")
    for variant in variants:
        text, found = re.subn(rf"^(\s*)(ggml_add_cpu_backend_variant\({re.escape(variant)}\s)", r"\1# \2", text, flags=re.MULTILINE)  # fmt: skip
        if not found:
            raise UnavailableError(
                f"llama.cpp has no variant {variant} any more.",
                hint="Mend provisioning/image/architecture.py.",
            )
    listing.write_text(text, encoding="utf-8")


def _take(job: Job, made: Path, wheel: Path) -> None:
    """A cross-compiled wheel is tagged for the machine that built it; both name and content say the tag."""
    built = max(made.glob("*.whl"), key=lambda each: each.stat().st_mtime)
    tag = f"linux_{job.board.kind.machine}"
    if not built.stem.endswith(f"-{tag}"):
        run(
            Command((job.python, "-m", "wheel", "tags", "--remove", f"--platform-tag={tag}", str(built))),
            job.out / "build.log",
        )
        built = max(made.glob("*.whl"), key=lambda each: each.stat().st_mtime)
    built.replace(wheel)
    note_hash(wheel)
