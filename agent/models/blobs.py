"""Blobs: model files by the sha256 of what is in them, where nothing stands that was not found right.

    blobs/sha256/<hex>        a file, read-only, never written again; the shelf gives it a second name
    incoming/<hex>.part       one that is on its way
    incoming/<hex>.journal    which of its chunks are there

Owns: the two folders, and the one way from the second into the first: written out, read back, hashed, renamed.
Does not know: how files come (updates fetches them), nor which model needs them (`sets`).
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from agent import durable
from agent.errors import ModelError
from agent.models.catalogue import Model
from agent.models.shelf import Shelf, writing

_HEX = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20
_READ_ONLY = 0o444
_SEAL_NS = 1_000_000_000 * 10**9  # the time of change of every blob: who writes to one breaks the seal


class Blobs:
    """The blobs of one folder of models. One process writes."""

    def __init__(self, folder: Path) -> None:
        """Uses the folder of models; it need not be there yet."""
        self.folder = folder / "blobs" / "sha256"
        self.incoming = folder / "incoming"

    def path(self, sha256: str) -> Path:
        """Where the file with this sha256 lies, or will lie."""
        return self.folder / _checked(sha256)

    def part(self, sha256: str) -> Path:
        """Where it grows."""
        return self.incoming / f"{_checked(sha256)}.part"

    def journal(self, sha256: str) -> Path:
        """Where is written how much of it is there."""
        return self.incoming / f"{_checked(sha256)}.journal"

    def holds(self, sha256: str, size: int) -> bool:
        """Whether the file is there, and nobody wrote to it since it was found right. Cheap."""
        try:
            facts = self.path(sha256).stat()
        except OSError:
            return False
        return facts.st_size == size and facts.st_mtime_ns == _SEAL_NS

    def recognise(self, sha256: str, size: int) -> bool:
        """As `holds`; a file that lost its seal, as by a copy of the whole folder, is read and sealed again if it is right.

        Raises:
            StorageError: The disk does not take it.
        """
        if self.holds(sha256, size):
            return True
        path = self.path(sha256)
        if not path.is_file() or path.stat().st_size != size or not self.sound(sha256):
            return False
        with writing():
            _seal(path)
        return True

    def sound(self, sha256: str) -> bool:
        """Whether the file still is what it was. Reads all of it, from the disk."""
        try:
            return hash_on_disk(self.path(sha256)) == sha256
        except OSError:
            return False

    def promote(
        self,
        sha256: str,
        *,
        check: Callable[[Path], None] = lambda _part: None,
        keep_going: Callable[[], None] = lambda: None,
    ) -> None:
        """Takes what has grown for a blob, if it is right.

        Args:
            sha256: Of the whole.
            check: Looks into the file before it counts; what it raises leaves it where it is.
            keep_going: Called now and then; what it raises ends the reading.

        Raises:
            ModelError: It has another sha256. It is left, so that the chunk at fault can be found.
            StorageError: The disk does not take it.
        """
        part = self.part(sha256)
        with writing():
            durable.sync(part)
            if hash_on_disk(part, keep_going) != sha256:
                raise ModelError(
                    f"{part.name} is not what it must be.", hint="What is wrong of it is fetched anew."
                )
        check(part)
        with writing():
            durable.make_folder(self.folder)
            _seal(part)
            part.replace(self.path(sha256))
            part.unlink(missing_ok=True)  # rename(2) does nothing where both are names of one file already
            durable.sync_folder(self.folder)
            durable.remove(self.journal(sha256))

    def shelve(self, model: Model, shelf: Shelf) -> None:
        """Gives a model whose files are all here its place on the shelf.

        Raises:
            ModelError: One is not here.
            StorageError: The disk does not take it.
        """
        for file in model.files:
            if shelf.holds(model, file):
                continue
            if not self.recognise(file.sha256, file.size):
                raise ModelError(f"{file.name} of {model.title} is not here.")
            shelf.lay(model, file, self.path(file.sha256))

    def all(self) -> list[str]:
        """The sha256 of each blob."""
        return sorted(path.name for path in _inside(self.folder) if path.name == path.stem)

    def arriving(self) -> list[str]:
        """The sha256 of each that is on its way."""
        return sorted({path.name.partition(".")[0] for path in _inside(self.incoming)})

    def names_of(self, sha256: str) -> int:
        """How many names the file has: more than one, and a model on the shelf is made of it. 0: it is not here."""
        try:
            return self.path(sha256).stat().st_nlink
        except OSError:
            return 0

    def remove(self, sha256: str) -> None:
        """Takes a blob away, and what is on its way under this name. A name on the shelf keeps the file there.

        Raises:
            StorageError: The disk does not take it.
        """
        with writing():
            for path in (self.path(sha256), self.part(sha256), self.journal(sha256)):
                if path.exists():
                    durable.remove(path)


def hash_on_disk(path: Path, keep_going: Callable[[], None] = lambda: None) -> str:
    """The sha256 of what the disk has of a file, not of what memory still holds of it.

    Args:
        path: The file; what is not written out yet is read from memory all the same.
        keep_going: Called after each block; what it raises ends the reading.
    """
    with path.open("rb", buffering=0) as file:
        _forget(file.fileno())
        found, block = hashlib.sha256(), bytearray(_BLOCK)
        while count := file.readinto(block):
            found.update(memoryview(block)[:count])
            keep_going()
        _forget(file.fileno())  # a file of many gigabytes need not push all else out of memory
        return found.hexdigest()


def _forget(descriptor: int) -> None:
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError as failed:
        if failed.errno not in (errno.EINVAL, errno.ENOSYS, errno.ESPIPE):
            raise


def _seal(path: Path) -> None:
    path.chmod(_READ_ONLY)
    os.utime(path, ns=(_SEAL_NS, _SEAL_NS))
    durable.sync(path)


def _inside(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if _HEX.fullmatch(path.name.partition(".")[0])]
    except OSError:
        return []


def _checked(sha256: str) -> str:
    # It becomes a file's name, and comes from outside.
    if not _HEX.fullmatch(sha256):
        raise ModelError(f"{sha256[:80]!r} is no sha256.")
    return sha256
