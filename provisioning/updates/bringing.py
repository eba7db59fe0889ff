"""One signed file, from a name in the list to a blob: its chunks, what is here of it already, the rest from mirrors, reading it back.

Owns: this way, each part of which may be done again after a kill at any byte and then goes on where it was.
Does not know: what the file is for, nor which files belong together (`storehouse`, `programs/store`).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from agent import logs
from agent.models.blobs import Blobs
from provisioning.updates import chunks, known, space
from provisioning.updates.arriving import Arriving
from provisioning.updates.chunks import Chunk
from provisioning.updates.fetch import Line, copy_known, fetch, fetch_small
from provisioning.updates.known import Lists, Present
from provisioning.updates.mirrors import Wanted
from provisioning.updates.refusals import RefusedError
from provisioning.updates.release import ReleasedFile

_log = logging.getLogger(__name__)

_MOST_MENDING = 3  # times that a disk may lose what was written to it


class Listed(Protocol):
    """What the signed list says of a file."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def sha256(self) -> str:
        """Of the whole."""


class Bringing:
    """Brings files to one folder of blobs."""

    def __init__(
        self,
        blobs: Blobs,
        lists: Lists,
        *,
        listed: Callable[[], Mapping[str, Listed]],
        present: Callable[[], Sequence[Present]],
        check: Callable[[Path, str], None],
    ) -> None:
        """Brings nothing yet.

        Args:
            blobs: Where they come to lie.
            lists: Of the chunks of files that are here.
            listed: What the signed list says, by the path in the repository.
            present: The files that are here and may have chunks in common with a new one.
            check: Looks into a file, which will bear a name, before it counts; raises RefusedError.
        """
        self._blobs, self._lists, self._listed = blobs, lists, listed
        self._present, self._check = present, check

    def still_missing(self, file: ReleasedFile) -> int:
        """Bytes to be fetched of a file that has begun to come, as far as that is known."""
        found = self._lists.get(file.sha256, file.size)
        if found is None:
            return file.size
        there = Arriving(self._blobs, file.sha256, file.size, found).told()
        return file.size - sum(found[index].length for index in there)

    def download(self, file: ReleasedFile, line: Line) -> None:
        """Brings all of a file here; it counts only after `verify`.

        Raises:
            PausedError: It may not go on now; what came is kept.
            RefusedError: No mirror has it rightly.
            StorageError: The disk does not take it.
        """
        arriving = self._opened(file, line)
        try:
            self._complete(arriving, file, line)
        finally:
            arriving.close()

    def verify(self, file: ReleasedFile, line: Line) -> None:
        """Reads a file back from the disk and looks into it; it counts from now on.

        Raises:
            PausedError: It may not go on now.
            RefusedError: It is not what was signed, or not built as it must be; it is thrown away.
            StorageError: The disk does not take it.
        """
        arriving = self._opened(file, line)
        try:
            self._promote(arriving, file, line)
        finally:
            arriving.close()

    def _opened(self, file: ReleasedFile, line: Line) -> Arriving:
        """The file on its way, with what came of it before. Its room was reserved; somebody may have taken it away since."""
        space.take(self._blobs, file.sha256, file.size)
        arriving = Arriving(self._blobs, file.sha256, file.size, self._chunks_of(file, line))
        arriving.open(line.tick)
        line.progress(arriving.done)
        return arriving

    def _chunks_of(self, file: ReleasedFile, line: Line) -> tuple[Chunk, ...]:
        """The file's list of chunks: kept from before, or from a mirror. A kept one that a flipped bit made wrong would spoil every try."""
        kept, listed = self._lists.get(file.sha256, file.size), self._listed().get(file.chunks)
        if kept is not None and (listed is None or _hash(kept) == listed.sha256):
            return kept
        if listed is None:
            raise RefusedError("not_there", file.chunks)
        data = fetch_small(Wanted(target=file.chunks, size=listed.size, sha256=listed.sha256), line)
        found = chunks.read(data, file.size)
        self._lists.keep(file.sha256, data)
        return found

    def _complete(self, arriving: Arriving, file: ReleasedFile, line: Line) -> None:
        if arriving.missing():
            places = known.places(Path(file.name), file.size, self._present(), self._lists, line.tick)
            copied = copy_known(arriving, places, line)
            logs.event(
                _log, "chunks.copied", file=file.name, copied=copied, missing=file.size - arriving.done
            )
        fetch(arriving, Wanted(target=file.target, size=file.size, sha256=file.sha256), line)

    def _promote(self, arriving: Arriving, file: ReleasedFile, line: Line) -> None:
        for _ in range(_MOST_MENDING):
            self._complete(arriving, file, line)
            if arriving.promote(lambda path: self._check(path, file.name), line.tick):
                logs.event(_log, "file.verified", file=file.name, sha256=file.sha256)
                return
            logs.event(
                _log, "file.lost", level=logging.WARNING, file=file.name, chunks=len(arriving.missing())
            )
        raise RefusedError("lost_on_disk", f"{file.name}, {_MOST_MENDING} times")


def _hash(found: tuple[Chunk, ...]) -> str:
    return hashlib.sha256(chunks.to_bytes(found)).hexdigest()
