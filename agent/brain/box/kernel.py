"""The kernel's files and control groups.

Owns: reading a file that may not be there, and where the limits of this process stand.
Does not know: what a file says.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
_MOST_TEXT = 65_536


def text(path: Path) -> str:
    """What a file of the kernel says; nothing if it is not there."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_TEXT).decode("utf-8", "replace").replace("\0", " ").strip()
    except OSError:
        return ""


def groups(root: Path, controller: str) -> Iterator[tuple[Path, int]]:
    """The folders of the control groups that this process is in, the innermost first, with the version of their interface."""
    for line in text(root / "proc/self/cgroup").splitlines():
        _number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        mounted = root / "sys/fs/cgroup" / controllers if controllers else root / "sys/fs/cgroup"
        folder = mounted / path.strip("/")
        for place in (folder, *folder.parents):
            yield place, 1 if controllers else 2
            if place == mounted:
                break


def limits(root: Path, controller: str, new_name: str, old_name: str) -> Iterator[int]:
    """A limit of every control group that this process is in, as far as there is one."""
    for folder, version in groups(root, controller):
        with contextlib.suppress(ValueError):  # "max"
            yield int(text(folder / (new_name if version == 2 else old_name)))
