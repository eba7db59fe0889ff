"""A file on its way: each chunk is checked before it is written, and the whole is read back at the end.

Owns: the part file, its journal, and what of them is believed after a kill or a power cut.
Does not know: where chunks come from, nor where the room for them (`space`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from agent.errors import ModelError
from agent.models.blobs import Blobs
from agent.models.shelf import writing
from provisioning.updates.chunks import Chunk, to_bytes
from provisioning.updates.journal import Found, Journal
from provisioning.updates.refusals import RefusedError

_READINGS = 2
_SYNC_EVERY = 16 << 20  # bytes that a power cut may cost

KeepGoing = Callable[[], None]


class WrongChunkError(Exception):
    """What came for a chunk is not that chunk."""


class Arriving:
    """One file on its way. One process works at it at a time."""

    def __init__(self, blobs: Blobs, sha256: str, size: int, chunks: tuple[Chunk, ...]) -> None:
        """Opens nothing yet; `open` does.

        Args:
            blobs: Where it shall lie in the end.
            sha256: Of the whole.
            size: Of the whole, in bytes.
            chunks: All of its chunks.
        """
        self.sha256, self.size, self.chunks = sha256, size, chunks
        self._blobs, self._part = blobs, blobs.part(sha256)
        self._journal = Journal(blobs.journal(sha256), sha256)
        self._list = hashlib.sha256(to_bytes(chunks)).hexdigest()
        self._there: set[int] = set()
        self.done = 0  # bytes that are there
        self._descriptor = -1
        self._unsynced = 0

    def told(self) -> frozenset[int]:
        """The chunks that the journal of an earlier try is certain of. Cheap, and for telling people only."""
        found = self._journal.read(self._list, len(self.chunks))
        return found.certain if found else frozenset()

    def has(self, index: int) -> bool:
        """Whether a chunk is there."""
        return index in self._there

    def missing(self) -> list[int]:
        """The chunks that are not there, in order."""
        return [index for index in range(len(self.chunks)) if index not in self._there]

    def first_gap(self) -> range:
        """The first chunks in a row that are not there; empty when all are."""
        index = begin = next((index for index in range(len(self.chunks)) if index not in self._there), -1)
        if begin < 0:
            return range(0)
        while index < len(self.chunks) and index not in self._there:
            index += 1
        return range(begin, index)

    def open(self, keep_going: KeepGoing = lambda: None) -> None:
        """Looks what an earlier try left, and goes on from there.

        Args:
            keep_going: Called now and then while doubtful chunks are read; what it raises ends it.

        Raises:
            StorageError: The disk does not take it.
        """
        self.close()
        with writing():
            self._descriptor = os.open(self._part, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            told = self._journal.read(self._list, len(self.chunks))
            told = told or Found(frozenset(), frozenset(range(len(self.chunks))))
            found = (index for index in sorted(told.doubtful) if self._is_right(index, keep_going))
            self._begin({*told.certain, *found})

    def put(self, index: int, data: bytes | bytearray | memoryview) -> None:
        """Writes one chunk.

        Raises:
            WrongChunkError: This is not that chunk; nothing was written.
            StorageError: The disk does not take it.
        """
        chunk = self.chunks[index]
        if len(data) != chunk.length or hashlib.sha256(data).hexdigest() != chunk.sha256:
            raise WrongChunkError
        with writing():
            _write_at(self._descriptor, data, chunk.offset)
            self._journal.add(index)
            self.done += 0 if index in self._there else len(data)
            self._there.add(index)
            self._unsynced += len(data)
            if self._unsynced >= _SYNC_EVERY:
                self.settle()

    def settle(self) -> None:
        """Waits until all that was put is on the disk.

        Raises:
            StorageError: The disk does not take it.
        """
        if self._descriptor >= 0 and self._unsynced:
            with writing():
                os.fdatasync(self._descriptor)
                self._journal.synced()
            self._unsynced = 0

    def close(self) -> None:
        """Ends the work for now; what came is kept."""
        self._journal.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def promote(self, check: Callable[[Path], None], keep_going: KeepGoing = lambda: None) -> bool:
        """Reads the whole back, and takes it for a blob if it is right.

        Args:
            check: Looks into the file before it counts; raises RefusedError.
            keep_going: Called now and then; what it raises ends the reading.

        Returns:
            False if the disk has lost chunks since they were written: `missing` names them now.

        Raises:
            RefusedError: Each chunk is right, and the whole is not (`contradictory`), or `check` refuses it. It is thrown away.
            StorageError: The disk does not take it.
        """
        self.settle()
        self.close()
        try:
            for _ in range(_READINGS):  # it may be read wrong, and not written wrong
                if self._is_promoted(check, keep_going):
                    return True
                self.open(keep_going)
                self._drop_wrong(keep_going)
                if self.missing():
                    return False
                self.close()
        except RefusedError:
            self.discard()
            raise
        self.discard()
        raise RefusedError("contradictory", self.sha256)

    def _is_promoted(self, check: Callable[[Path], None], keep_going: KeepGoing) -> bool:
        try:
            self._blobs.promote(self.sha256, check=check, keep_going=keep_going)
        except ModelError:
            return False
        return True

    def discard(self) -> None:
        """Throws away what came."""
        self.close()
        self._there, self.done = set(), 0
        with writing():
            self._part.unlink(missing_ok=True)
            self._blobs.journal(self.sha256).unlink(missing_ok=True)

    def _drop_wrong(self, keep_going: KeepGoing) -> None:
        with writing():
            self._begin({index for index in self._there if self._is_right(index, keep_going)})

    def _begin(self, there: set[int]) -> None:
        os.fdatasync(self._descriptor)
        self._journal.begin(self._list, frozenset(there))
        self._there, self._unsynced = there, 0
        self.done = sum(self.chunks[index].length for index in there)

    def _is_right(self, index: int, keep_going: KeepGoing) -> bool:
        keep_going()
        chunk = self.chunks[index]
        data = os.pread(self._descriptor, chunk.length, chunk.offset)
        return hashlib.sha256(data).hexdigest() == chunk.sha256


def _write_at(descriptor: int, data: bytes | bytearray | memoryview, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
