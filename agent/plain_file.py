"""Opening what others may have laid down: never through a link, never waiting for a writer, never without end.

Owns: that it is a plain file, and the limit on its size.
Does not know: what is in it, nor who may have laid it down.

In a folder that several users write, any of them may make a name before its owner does: a link to a file that only root may write, or a
FIFO at which whoever opens it waits for ever.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_HOW = os.O_CLOEXEC | os.O_NONBLOCK


class NotPlainError(OSError):
    """A link, a folder, a FIFO or the like, or far too large."""


def descriptor(
    path: Path | str,
    flags: int = os.O_RDONLY,
    *,
    folder: int | None = None,
    links: bool = False,
    mode: int = 0o600,
) -> int:
    """Opens it; of the descriptor it is certain that it is a plain file's.

    Args:
        path: The file.
        flags: As `os.open` takes them.
        folder: An opened folder that the path begins in.
        links: The file itself may be a link.
        mode: Who may read it, where `flags` let it be made.

    Raises:
        NotPlainError: It is no plain file.
        OSError: It is not there, or cannot be opened.
    """
    no_plain_file = NotPlainError(f"{path} is no plain file")
    try:
        opened = os.open(path, flags | _HOW | (0 if links else os.O_NOFOLLOW), mode, dir_fd=folder)
    except (FileNotFoundError, FileExistsError, PermissionError):
        raise
    except OSError as failed:
        if _is_plain(path, folder):
            raise
        raise no_plain_file from failed
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise no_plain_file
    return opened


def read(path: Path | str, most: int, *, folder: int | None = None, links: bool = False) -> bytes:
    """What is in it.

    Args:
        path: The file.
        most: Bytes that it may have.
        folder: An opened folder that the path begins in.
        links: The file itself may be a link.

    Raises:
        NotPlainError: It is no plain file, or larger.
        OSError: It is not there, or cannot be read.
    """
    with os.fdopen(descriptor(path, folder=folder, links=links), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise NotPlainError(f"{path} is larger than {most} bytes")
    return data


def _is_plain(path: Path | str, folder: int | None) -> bool:
    """Which of the two a failed opening was about: the kernel says ELOOP, ENXIO or EISDIR, as the case may be."""
    try:
        return stat.S_ISREG(os.stat(path, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return True
