"""Room on the disk: looked for, and taken, before the first byte comes.

Owns: how much must be free, and taking a file's whole room at once.
Does not know: what could go to make room (`keeping`).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from agent import durable
from agent.models.blobs import Blobs
from agent.models.shelf import writing
from provisioning.updates.journal import Journal
from provisioning.updates.refusals import RefusedError

KEEP_FREE = 512 << 20  # bytes that stay free for the rest of the house
_MARGIN = 20  # one part in so many, for what a file system takes beside the files


def missing(blobs: Blobs, sha256: str, size: int) -> int:
    """Bytes that the disk has yet to find for a file."""
    if blobs.holds(sha256, size):
        return 0
    try:
        return max(0, size - blobs.part(sha256).stat().st_blocks * 512)
    except OSError:
        return size


def needed(bytes_missing: int, keep_free: int = KEEP_FREE) -> int:
    """How much must be free for so many bytes that are missing; nothing where none is."""
    return bytes_missing + bytes_missing // _MARGIN + keep_free if bytes_missing else 0


def free(folder: Path) -> int:
    """Bytes that we may use on the disk of a folder, which is made if it is not there.

    Raises:
        StorageError: The disk does not say.
    """
    with writing():
        folder.mkdir(parents=True, exist_ok=True)
        facts = os.statvfs(folder)
        return facts.f_bavail * facts.f_frsize


def demand(folder: Path, room: int) -> None:
    """Looks whether so much is free.

    Raises:
        RefusedError: It is not (`no_space`); the hint has both numbers.
    """
    there = free(folder)
    if there < room:
        raise RefusedError(
            "no_space",
            f"{there} of {room} bytes are free",
            hint=f"It needs {_megabytes(room)} free, but only {_megabytes(there)} are. Make room on the box; it is tried again by itself.",
        )


def take(blobs: Blobs, sha256: str, size: int) -> None:
    """Takes the room for a whole file now. What is there of it already stays.

    Raises:
        StorageError: The disk is full after all; nothing is left behind of a file that had not begun.
    """
    part = blobs.part(sha256)
    with writing():
        durable.make_folder(part.parent)
        fresh = not part.exists()
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
            os.ftruncate(descriptor, size)
            if fresh:
                journal = Journal(blobs.journal(sha256), sha256)
                journal.begin("", frozenset())
                journal.close()
        except OSError:
            if fresh:
                with contextlib.suppress(OSError):
                    part.unlink()
            raise
        finally:
            os.close(descriptor)


def _megabytes(count: int) -> str:
    return f"{count // 1_000_000} MB"
