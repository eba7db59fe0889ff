"""A program's file on this side: room, fetching, reading it back. Root copies it away; here nothing is ever executed of it.

    updates/programs/blobs/sha256/<hex>    verified, until root has taken it
    updates/programs/incoming/             on its way

Owns: these steps, each of which may be done again after a kill at any byte, and a first look whether it is a file system at all.
Does not know: which program is wanted, nor what root does with it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agent.models.blobs import Blobs
from provisioning.updates import space
from provisioning.updates.bringing import Bringing, Listed
from provisioning.updates.fetch import Line
from provisioning.updates.known import Lists, Present
from provisioning.updates.mirrors import Mirror
from provisioning.updates.programs.record import Program
from provisioning.updates.refusals import RefusedError
from provisioning.updates.release import ReleasedFile

# The head of a SquashFS: its magic word, much that does not matter here, its version, the place of its root, and how long it is.
_HEAD = struct.Struct("<4s24sHHQQ")
_VERSION = (4, 0)
_TWICE = 2  # root keeps a copy of its own

Progress = Callable[[int, int], None]
MayGoOn = Callable[[], str]


class ProgramStore:
    """The programs on their way to root. One process has one."""

    def __init__(
        self,
        folder: Path,
        *,
        mirrors: Callable[[], Sequence[Mirror]],
        listed: Callable[[], Mapping[str, Listed]],
        kept: Callable[[], Sequence[Present]],
        keep_free: int = space.KEEP_FREE,
    ) -> None:
        """Looks at nothing yet.

        Args:
            folder: `updates/programs` in the folder of models.
            mirrors: Whom to ask, in order, at this moment.
            listed: What the signed list says, by the path in the repository.
            kept: The programs that root keeps, from which unchanged chunks are copied.
            keep_free: Bytes of the disk that are left for the rest of the house.
        """
        self._folder, self._mirrors, self._keep_free = folder, mirrors, keep_free
        self._blobs, self._lists = Blobs(folder), Lists(folder / "chunks")
        self._bringing = Bringing(self._blobs, self._lists, listed=listed, present=kept, check=check)

    def path(self, program: Program) -> Path:
        """Where its verified file lies."""
        return self._blobs.path(program.sha256)

    def holds(self, program: Program) -> bool:
        """Whether its verified file is here."""
        return self._blobs.holds(program.sha256, program.size)

    def bytes_needed(self, program: Program) -> int:
        """Bytes still to be fetched, as far as that is known."""
        if self.holds(program):
            return 0
        if not self._blobs.part(program.sha256).exists():
            return program.size
        return self._bringing.still_missing(file_of(program))

    def reserve(self, program: Program) -> None:
        """Takes the room for the file, and looks that root's copy has some too.

        Raises:
            RefusedError: There is not enough (`no_space`).
            StorageError: The disk does not take it.
        """
        self.forget_all_but(program.sha256)
        if self._blobs.recognise(program.sha256, program.size):
            return
        missing = space.missing(self._blobs, program.sha256, program.size)
        space.demand(self._folder, space.needed(missing + (_TWICE - 1) * program.size, self._keep_free))
        space.take(self._blobs, program.sha256, program.size)

    def download(self, program: Program, progress: Progress, may_go_on: MayGoOn) -> int:
        """Brings the file here; it counts only after `verify`. Returns the bytes that came over a line.

        Raises:
            PausedError: It may not go on now; what came is kept.
            RefusedError: No mirror has it rightly.
            StorageError: The disk does not take it.
        """
        line = Line(self._mirrors(), may_go_on=may_go_on)
        line.progress = lambda done: progress(done, program.size)
        if not self.holds(program):
            self._bringing.download(file_of(program), line)
        return line.received

    def verify(self, program: Program, may_go_on: MayGoOn) -> None:
        """Reads the file back from the disk and looks at it; what is right counts from now on.

        Raises:
            PausedError: It may not go on now.
            RefusedError: It is not what was signed, or no program; it is thrown away.
            StorageError: The disk does not take it.
        """
        if not self._blobs.recognise(program.sha256, program.size):
            self._bringing.verify(file_of(program), Line(self._mirrors(), may_go_on=may_go_on))

    def forget_all_but(self, sha256: str = "") -> None:
        """Throws away every file but this one, whole or on its way.

        Raises:
            StorageError: The disk does not take it.
        """
        for other in {*self._blobs.all(), *self._blobs.arriving()} - {sha256}:
            self._blobs.remove(other)

    def forget_lists(self, kept: Sequence[str]) -> None:
        """Throws away the lists of chunks of other files than these."""
        self._lists.forget_all_but(kept)


def file_of(program: Program) -> ReleasedFile:
    """A program's one file, as files of models are fetched."""
    return ReleasedFile(
        name=program.target.rpartition("/")[2],
        size=program.size,
        sha256=program.sha256,
        target=program.target,
        chunks=program.chunks,
    )


def check(path: Path, _name: str) -> None:
    """Looks whether a file can be a program.

    Raises:
        RefusedError: It cannot (`not_a_program`).
    """
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
    if len(head) == _HEAD.size:
        magic, _rest, major, minor, _root, length = _HEAD.unpack(head)
        if magic == b"hsqs" and (major, minor) == _VERSION and _HEAD.size < length <= path.stat().st_size:
            return
    raise RefusedError("not_a_program", f"{path.name} begins with {head[:8]!r}")
