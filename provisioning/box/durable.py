"""Files that are there whole or not at all, whatever instant the power fails at.

Owns: the order: write beside, fsync, rename, fsync the folder; and leaving nothing of a secret where it lay.
Does not know: what is written.
"""

from __future__ import annotations

import os
from pathlib import Path

_BLOCK = 65_536


def write(path: Path, content: str | bytes, *, mode: int = 0o600) -> None:
    """Puts a file in place of the one that may be there.

    Args:
        path: The file; its folder is made if it is not there.
        content: Text is written as UTF-8.
        mode: Who may read it.

    Raises:
        OSError: The disk does not take it; the old file stands.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.new")
    data = content.encode() if isinstance(content, str) else content
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def remove(path: Path) -> None:
    """Takes a file away for good; one that is not there is no matter."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def shred(path: Path) -> None:
    """Overwrites a file where it lies, then takes it away: on the boot partition a removed file can be read for years."""
    try:
        with path.open("r+b") as file:
            left = file.seek(0, os.SEEK_END)
            file.seek(0)
            while left > 0:
                left -= file.write(b"\0" * min(left, _BLOCK))
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:
        return
    remove(path)


def sync_folder(folder: Path) -> None:
    """Makes what was renamed or removed in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
