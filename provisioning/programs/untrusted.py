"""Reading what a process without privileges has laid down, as root: never through a link, never without end.

Owns: opening files below a folder step by step, and the limits.
Does not know: what is in them.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from agent import plain_file
from agent.errors import RequestError

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_MOST_NAMES = 4096


def open_below(top: Path, path: Path, *, folder: bool = False) -> int:
    """Opens a file or folder below another; no part of its path may be a link.

    Args:
        top: The folder in which everything must lie; its own path is trusted.
        path: What is opened.
        folder: A folder is wanted.

    Returns:
        Its descriptor; of a file it is certain that it is a plain one.

    Raises:
        RequestError: It is not there, not below, not plain, or behind a link.
    """
    wrong_place = RequestError(
        f"{path} is not to be had.", hint=f"It must be a plain file or folder below {top}."
    )
    if ".." in path.parts or top not in path.parents:
        raise wrong_place
    parts = path.relative_to(top).parts
    try:
        here = os.open(top, _READ | os.O_DIRECTORY)
        for number, part in enumerate(parts, start=1):
            here = _next(here, part, is_folder=folder or number < len(parts))
    except OSError as wrong:
        raise wrong_place from wrong
    return here


def names(folder: int) -> list[str]:
    """The names in an opened folder; not more than a folder of ours would have."""
    return sorted(os.listdir(folder))[:_MOST_NAMES]


def read_small(folder: int, name: str, most: int) -> bytes | None:
    """A file in an opened folder; None where it is none, or longer."""
    try:
        return plain_file.read(name, most, folder=folder)
    except OSError:
        return None


def _next(here: int, part: str, *, is_folder: bool) -> int:
    """One step further; the descriptor before is closed."""
    try:
        there = os.open(part, _READ | (os.O_DIRECTORY if is_folder else 0), dir_fd=here)
    finally:
        os.close(here)
    if not is_folder and not stat.S_ISREG(os.fstat(there).st_mode):
        os.close(there)
        raise OSError
    return there
