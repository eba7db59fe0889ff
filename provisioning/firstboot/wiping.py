"""The factory reset: nothing of the state is left on the medium, not even where a file once lay.

Owns: overwriting the partition, the new file system on it, and what no file of the boot partition uses any more.
Does not know: who asked for it, and what else is reset (`preparing`).

First the medium is told that all of it is free, which is quick and wears nothing. That is a hint, not a promise, so then everything is
read, and what is not zero is overwritten. A power cut does no harm: whoever asked for it still asks.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path

from agent import durable
from provisioning.box.running import Run

_CHUNK = 8 << 20
_BLKDISCARD = 0x1277
_ZERO = bytes(_CHUNK)
_FILLER = "ERASING.TMP"

Tell = Callable[[int], None]


def wipe(device: Path, run: Run, tell: Tell) -> None:
    """Empties the partition and makes a new file system.

    Args:
        device: The partition; a file will do.
        run: Runs mke2fs.
        tell: Is told how many percent are done.

    Raises:
        OSError: The medium does not take it.
    """
    overwrite(device, tell)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", "data", "-m", "0.5", str(device), seconds=3600)


def overwrite(device: Path, tell: Tell) -> None:
    """Leaves nothing but zeros."""
    descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    try:
        size = os.lseek(descriptor, 0, os.SEEK_END)
        _discard(descriptor, size)
        told = -5
        for offset in range(0, size, _CHUNK):
            _clear(descriptor, offset, min(_CHUNK, size - offset))
            percent = 100 * offset // size
            if percent >= told + 5:
                tell(percent)
                told = percent
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def blank(folder: Path) -> None:
    """Overwrites what no file of a file system uses: there lie the remains of files that were replaced or removed.

    Args:
        folder: Where the file system is mounted; one that is no mount point is left alone, for the disk beneath it would be filled. A
            power cut leaves a file there, which the next call takes away.

    Raises:
        OSError: The medium does not take it.
    """
    if not folder.is_mount():
        return
    filler = folder / _FILLER
    filler.unlink(missing_ok=True)
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _fill(descriptor)
    finally:
        os.close(descriptor)
        durable.remove(filler)


def _fill(descriptor: int) -> None:
    done = 0
    while True:
        try:
            length = os.write(descriptor, _ZERO)
        except OSError as full:
            if full.errno not in (errno.ENOSPC, errno.EFBIG):
                raise
            os.fsync(descriptor)
            return
        os.fdatasync(descriptor)  # the memory of a small box is not filled with zeros
        os.posix_fadvise(descriptor, done, length, os.POSIX_FADV_DONTNEED)
        done += length


def _discard(descriptor: int, size: int) -> None:
    try:
        fcntl.ioctl(descriptor, _BLKDISCARD, struct.pack("QQ", 0, size))
    except OSError:
        return  # it cannot; overwriting does not need it
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _clear(descriptor: int, offset: int, length: int) -> None:
    if os.pread(descriptor, length, offset) == _ZERO[:length]:
        return
    done = 0
    while done < length:
        done += os.pwrite(descriptor, _ZERO[: length - done], offset + done)
    # Written out at once: the memory of a small box is not filled with zeros.
    os.fdatasync(descriptor)
    os.posix_fadvise(descriptor, offset, length, os.POSIX_FADV_DONTNEED)
