"""The pinned Python packages as the target sees them, not the machine that builds.

Owns: reading a lock file, and which of its lines hold for the target's Python.
Does not know: pip, nor where packages come from.
"""

from __future__ import annotations

from dataclasses import dataclass

from packaging.requirements import Requirement

from agent.errors import SettingsError


@dataclass(frozen=True)
class Pin:
    """One package at one version, with the hashes of the files that may be it."""

    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def line(self) -> str:
        """As pip reads it."""
        return " ".join([f"{self.name}=={self.version}", *(f"--hash={each}" for each in self.hashes)])


def for_target(lock: str, *, python: str, machine: str) -> tuple[Pin, ...]:
    """The lines of a lock file that hold for CPython on Linux.

    Args:
        lock: The file's text.
        python: The target's version, such as 3.13.
        machine: What `uname -m` says there.

    Raises:
        SettingsError: A line does not pin a package by version and hash.
    """
    surroundings = {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
        "extra": "",
    }
    found = []
    for line in lock.replace("\\\n", " ").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        wanted, *hashes = line.split(" --hash=")
        requirement = Requirement(wanted.strip())
        if requirement.marker and not requirement.marker.evaluate(surroundings):
            continue
        found.append(_pin(requirement, tuple(each.strip() for each in hashes)))
    return tuple(found)


def _pin(requirement: Requirement, hashes: tuple[str, ...]) -> Pin:
    versions = [each.version for each in requirement.specifier if each.operator == "=="]
    if len(versions) != 1 or not hashes:
        raise SettingsError(
            f"The lock file does not pin {requirement.name} by version and hash.",
            hint="Run provisioning/lock/refresh.sh.",
        )
    return Pin(requirement.name, versions[0], hashes)
