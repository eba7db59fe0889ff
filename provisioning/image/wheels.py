"""The house's Python packages for the target: fetched as the lock file pins them, and kept between builds.

Owns: `build/wheels/<architecture>/fetched/`, and wheels of the few packages that come as source.
Does not know: llama.cpp (`engine`), nor how packages get into the image (`environment`).
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from agent.errors import UnavailableError
from provisioning.image import pins
from provisioning.image.job import Job
from provisioning.image.step import Command, Step, Work

ENGINE = "llama-cpp-python"  # compiled for the target by `engine`
_PIP_S = 600


def pinned(job: Job) -> tuple[pins.Pin, ...]:
    """Every package that the house needs on the target."""
    return pins.for_target(job.lock, python=job.target_python, machine=job.board.kind.machine)


def fetched(job: Job) -> Path:
    """Where pip's downloads lie."""
    return job.wheelhouse / "fetched"


def steps(job: Job) -> tuple[Step, ...]:
    """Fetching the packages, the engine's source among them."""
    listing = job.wheelhouse / "pins.txt"
    return (
        Step(
            name="wheels",
            says=f"the house's Python packages for {job.board.kind.machine}, Python {job.target_python}",
            actions=(
                Work(
                    f"write {listing}: what provisioning/lock/run.txt pins there", lambda: _list(job, listing)
                ),
                Command(
                    (
                        *pip(job, "download"),
                        *for_target(job),
                        "--no-deps",
                        "--no-build-isolation",
                        "--require-hashes",
                        f"--dest={fetched(job)}",
                        f"--requirement={listing}",
                    )
                ),
                Work("make wheels of those that came as source", lambda: _build_pure(job)),
            ),
            product=listing,
            inputs=(job.lock,),
            alone_in=job.wheelhouse,
        ),
    )


def pip(job: Job, *words: str) -> tuple[str, ...]:
    """The builder's own pip; its index and mirror are as its user has configured them."""
    return (job.python, "-m", "pip", *words, "--quiet", "--disable-pip-version-check")


def for_target(job: Job) -> tuple[str, ...]:
    """What makes pip choose for the target instead of this machine."""
    platforms = (f"--platform={tag}" for tag in job.board.kind.wheel_platforms)
    return (*platforms, f"--python-version={job.target_python}", "--implementation=cp")


def _list(job: Job, listing: Path) -> None:
    listing.parent.mkdir(parents=True, exist_ok=True)
    listing.write_text("".join(f"{pin.line}\n" for pin in pinned(job)), encoding="utf-8")


def _build_pure(job: Job) -> None:
    """Sources that hold no machine code become wheels that run anywhere."""
    for source in sorted(fetched(job).glob("*.tar.gz")):
        if source.name.startswith(ENGINE.replace("-", "_")):
            continue
        _wheel_of(job, source)
        name = source.name.removesuffix(".tar.gz").rpartition("-")[0].replace("-", "_").lower()
        made = [each for each in fetched(job).glob("*.whl") if each.name.lower().startswith(f"{name}-")]
        for wheel in made:
            note_hash(wheel)
        if not any(each.name.endswith("-none-any.whl") for each in made):
            raise UnavailableError(
                f"There is no wheel of {source.name} for {job.board.kind.machine}, and its source holds machine code.",
                hint="Pin a version that has one.",
            )


def _wheel_of(job: Job, source: Path) -> None:
    command = (*pip(job, "wheel"), "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(fetched(job)), str(source))  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_S, check=False)  # noqa: S603
    if done.returncode:
        raise UnavailableError(f"{source.name} cannot be built.", hint=done.stderr[-1000:])


def find(job: Job, pin: pins.Pin) -> Path:
    """The wheel of a pinned package.

    Raises:
        UnavailableError: It is not there.
    """
    folder = job.wheelhouse if pin.name == ENGINE else fetched(job)
    begin = f"{pin.name}-{pin.version}-".lower().replace("_", "-")
    for wheel in sorted(folder.glob("*.whl")):
        if wheel.name.lower().replace("_", "-").startswith(begin):
            return wheel
    raise UnavailableError(
        f"The wheel of {pin.name} {pin.version} is not in {folder}.", hint="Build with --fresh."
    )


def note_hash(wheel: Path) -> None:
    """Keeps the hash of a wheel that was built here, as the lock file knows only its source's."""
    _note(wheel).write_text(_hash(wheel), encoding="utf-8")


def checked(job: Job, pin: pins.Pin) -> str:
    """The line with which pip installs a pinned package: with the hash of the one wheel that was fetched or built.

    Raises:
        UnavailableError: The wheel is not there, or is not what was fetched or built.
    """
    wheel = find(job, pin)
    built = _note(wheel)
    right = (*pin.hashes, *((built.read_text(encoding="utf-8"),) if built.exists() else ()))
    found = _hash(wheel)
    if found not in right:
        raise UnavailableError(
            f"{wheel.name} was changed since it was fetched or built.", hint="Build with --fresh."
        )
    return pins.Pin(pin.name, pin.version, (found,)).line


def _note(wheel: Path) -> Path:
    return wheel.with_name(f"{wheel.name}.sha256")


def _hash(wheel: Path) -> str:
    with wheel.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
