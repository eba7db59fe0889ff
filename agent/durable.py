"""Files that are there whole or not at all, whatever instant the power fails at.

Owns: the order: write beside, fsync, rename, fsync the folder; the same for links;
records that notice a flipped bit; and leaving nothing of a secret where it lay.
Does not know: what is written.

Whatever lies beside a file under the name `.<name>.new` is left over from a power cut, and the next write takes it away. It is never
opened: where others may write too, it may be a link or a FIFO.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_BLOCK = 65_536
_LARGEST_SEALED = 4 << 20


def write(
    path: Path, content: str | bytes, *, mode: int = 0o600, share: Callable[[int], None] | None = None
) -> None:
    """Puts a file in place of the one that may be there.

    Args:
        path: The file; its folder is made if it is not there.
        content: Text is written as UTF-8.
        mode: Who may read it.
        share: Gives the file to others, by its descriptor; before anything is in it.

    Raises:
        OSError: The disk does not take it; the old file stands.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.new")
    data = content.encode() if isinstance(content, str) else content
    temporary.unlink(missing_ok=True)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            if share:
                share(file.fileno())
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Makes a folder in which we alone write and our group reads, and those above it that are not there.

    Raises:
        OSError: The disk does not take it.
    """
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o750, exist_ok=True)
        sync_folder(folder.parent)


def write_sealed(path: Path, content: Mapping[str, Any], *, mode: int = 0o600) -> None:
    """Puts a record in place of the one that may be there, with a checksum of its own.

    Args:
        path: The file.
        content: What JSON can say.
        mode: Who may read it.

    Raises:
        OSError: The disk does not take it; the old file stands.
    """
    as_read = json.loads(json.dumps(content))  # every key a text, every tuple a list
    text = json.dumps({"sealed": as_read, "sha256": _checksum(as_read)}, indent=1)
    write(path, text + "\n", mode=mode)


def read_sealed(path: Path) -> dict[str, Any] | None:
    """What `write_sealed` wrote; None where it is not there, torn, or changed since, be it by one bit."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_SEALED + 1)
        found = json.loads(data) if len(data) <= _LARGEST_SEALED else None
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or set(found) != {"sealed", "sha256"}:
        return None
    content = found["sealed"]
    return content if isinstance(content, dict) and found["sha256"] == _checksum(content) else None


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


def point(link: Path, target: str) -> None:
    """Lets a symbolic link point elsewhere, at one instant: there is never none.

    Args:
        link: The link; it need not be there yet.
        target: What it points to, as it is written into the link.

    Raises:
        OSError: The disk does not take it; the old link stands.
    """
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)
    sync_folder(link.parent)


def give_name(file: Path, name: Path) -> None:
    """Gives a file one more name (a hard link), in place of what may bear it.

    Args:
        file: A file on the same file system.
        name: Its further name.

    Raises:
        OSError: The disk does not take it; what bore the name does so still.
    """
    temporary = name.with_name(f".{name.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.hardlink_to(file)
    # rename(2) does nothing where both names are of one file already, and would leave the first.
    temporary.replace(name)
    temporary.unlink(missing_ok=True)
    sync_folder(name.parent)


def sync(file: Path) -> None:
    """Waits until what was written into a file is on the disk."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Makes what was renamed or removed in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
