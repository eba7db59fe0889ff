"""The house's Python environment at /opt/nisse/venv in the tree: laid out from outside, as the target's programs may not run here.

Owns: the environment's files, and the commands in its `bin`.
Does not know: where the packages come from (`wheels`, `engine`).
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from agent.errors import UnavailableError
from provisioning.image.job import Job
from provisioning.image.rootfs import empty
from provisioning.image.step import Command, Step, Work
from provisioning.image.thinning import thin_out
from provisioning.image.wheels import checked, fetched, for_target, pinned, pip

_PREFIX = "/opt/nisse/venv"
# Each command with the function that it calls, as the packages themselves declare it.
_COMMANDS = {
    "nisse": "agent.__main__:main",
    "supervisord": "supervisor.supervisord:main",
    "supervisorctl": "supervisor.supervisorctl:main",
}
_OWN = ("agent", "webui", "provisioning", "pyproject.toml", "README.md", "LICENSE")


def steps(job: Job) -> tuple[Step, ...]:
    """Our own wheel, and all packages into the tree."""
    own, listing = job.out / "own", job.out / "installed.txt"
    into = (
        *pip(job, "install"),
        *for_target(job),
        "--no-deps",
        "--no-index",
        "--no-compile",
        "--only-binary=:all:",
        f"--target={job.site_packages}",
    )
    return (
        Step(
            name="nisse",
            says="the house itself as a wheel",
            actions=(
                Work(f"copy {', '.join(_OWN[:3])} to {own}", lambda: _copy_own(job, own)),
                Command(
                    (*pip(job, "wheel"), "--no-deps", "--no-index", "--no-build-isolation", f"--wheel-dir={own}", str(own / "source")),
                    job.variables,
                ),
            ),
        ),
        Step(
            name="environment",
            alone_in=job.wheelhouse,
            says=f"Python packages into {_PREFIX}",
            actions=(
                Work(f"write {listing}: every wheel with its hash", lambda: _list(job, listing)),
                Command((*into, f"--find-links={fetched(job)}", f"--find-links={job.wheelhouse}", "--require-hashes", f"--requirement={listing}")),
                Command((*into, "--upgrade", f"--find-links={own}", f"nisse=={job.version}")),
                Work("make it an environment: python, nisse, supervisord; one copy of each library", lambda: _lay_out(job)),
            ),
        ),
    )  # fmt: skip


def own_files(checkout: Path) -> list[str]:
    """The checkout's files that belong to the project: those that git has or would take."""
    command = ("git", "-C", str(checkout), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    told = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    if told.returncode:
        raise UnavailableError(
            f"{checkout} is no git checkout.", hint="Clone the project; git says which files belong to it."
        )
    names = told.stdout.decode().split("\0")
    # A link may point to what is there only on the box, or to /dev/null.
    there = (
        name
        for name in set(names)
        if name and ((checkout / name).is_symlink() or (checkout / name).is_file())
    )
    return sorted(there)


def _copy_own(job: Job, own: Path) -> None:
    empty(own)
    for name in own_files(job.checkout):
        if name.split("/")[0] in _OWN:
            (own / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(job.checkout / name, own / "source" / name)


def _list(job: Job, listing: Path) -> None:
    listing.write_text("".join(f"{checked(job, pin)}\n" for pin in pinned(job)), encoding="utf-8")


def _lay_out(job: Job) -> None:
    prefix = job.tree / _PREFIX.lstrip("/")
    python = f"/usr/bin/python{job.target_python}"
    if not (job.tree / python.lstrip("/")).is_file():
        raise UnavailableError(
            f"The suite's Python is not {job.target_python}.",
            hint="Mend target_python in provisioning/image/job.py.",
        )
    (prefix / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {job.target_python}\nexecutable = {python}\n",
        encoding="utf-8",
    )
    thin_out(job.site_packages)
    commands = prefix / "bin"
    commands.mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3", f"python{job.target_python}"):
        (commands / name).symlink_to(python)
    for name, entry in _COMMANDS.items():
        module, _, function = entry.partition(":")
        script = commands / name
        script.write_text(
            f"#!{_PREFIX}/bin/python\nimport sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n",
            encoding="utf-8",
        )
        script.chmod(0o755)
