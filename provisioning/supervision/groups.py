"""A control group for each process, below the one that systemd gave to the house.

Owns: the files of the kernel's interface (version 2).
Does not know: which limits (`profiles`).
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_CONTROLLERS = ("memory", "pids", "cpu")
_SUPERVISOR = "supervisor"  # the leaf in which systemd starts supervisord (DelegateSubgroup=)


def house(root: Path = ROOT, own: Path = Path("/proc/self/cgroup")) -> Path | None:
    """The house's group, in which each process has one below; None where nobody delegated one."""
    try:
        line = next(line for line in own.read_text(encoding="utf-8").splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return None
    group = root / line.removeprefix("0::").strip().strip("/")
    while group != root and group.name != _SUPERVISOR:
        group = group.parent
    return group.parent if group != root else None


def enter(house_group: Path, name: str, limits: dict[str, str]) -> None:
    """Makes the process's group, sets its limits, and puts this process into it.

    Args:
        house_group: As `house` found it.
        name: The process's name.
        limits: What to write into which file, such as `memory.max`.

    Raises:
        OSError: The kernel refuses.
    """
    wanted = " ".join(f"+{controller}" for controller in _CONTROLLERS)
    (house_group / "cgroup.subtree_control").write_text(wanted, encoding="ascii")
    group = house_group / name
    group.mkdir(exist_ok=True)
    for file, value in limits.items():
        (group / file).write_text(value, encoding="ascii")
    (group / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")


def memory(house_group: Path | None, name: str) -> int:
    """Bytes that a process and what it started hold now; 0 where that is not known."""
    facts = _facts(house_group, name, "memory.stat")
    return sum(int(facts.get(key, 0)) for key in ("anon", "kernel", "shmem"))


def killed_for_memory(house_group: Path | None, name: str) -> int:
    """How often something in the group was killed because the group was full."""
    return int(_facts(house_group, name, "memory.events").get("oom_kill", 0))


def _facts(house_group: Path | None, name: str, file: str) -> dict[str, str]:
    """One of the kernel's files about a process's group; nothing where there is none."""
    if house_group is None:
        return {}
    try:
        text = (house_group / name / file).read_text(encoding="ascii")
    except OSError:
        return {}
    return dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
