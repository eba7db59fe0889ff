"""What this box has of a new file already: the chunks of its present models.

Owns: the lists of chunks of files that are here, cut once and kept beside the state of the updates.
Does not know: what is fetched. A list is a hint and needs no trust: whatever is copied is hashed again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent import durable
from provisioning.updates import chunks
from provisioning.updates.chunks import Chunk
from provisioning.updates.refusals import RefusedError

_FURTHEST = 4  # a file so many times larger or smaller has nothing in common with another


@dataclass(frozen=True)
class Present:
    """A file of this box."""

    path: Path
    sha256: str
    size: int


class Lists:
    """The lists of chunks that are kept, each under its file's sha256."""

    def __init__(self, folder: Path) -> None:
        """Uses the folder; it need not be there yet."""
        self._folder = folder

    def get(self, sha256: str, size: int) -> tuple[Chunk, ...] | None:
        """The chunks of a file; None where no list is kept, or it is damaged."""
        try:
            with self._path(sha256).open("rb") as file:
                return chunks.read(file.read(chunks.LARGEST_LIST + 1), size)
        except (OSError, RefusedError):
            return None

    def keep(self, sha256: str, data: bytes) -> None:
        """Keeps a list. If the disk does not take it, it is made again next time."""
        with contextlib.suppress(OSError):
            durable.write(self._path(sha256), data, mode=0o640)

    def forget_all_but(self, kept: Iterable[str]) -> None:
        """Removes the lists of other files than these."""
        names = {self._path(sha256).name for sha256 in kept}
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():
                if path.name not in names:
                    path.unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.chunks"


def places(
    wanted: Path,
    size: int,
    present: Iterable[Present],
    lists: Lists,
    keep_going: Callable[[], None] = lambda: None,
) -> dict[str, tuple[Path, int]]:
    """Where chunks lie that a new file may have in common with those here: file and offset, by the chunk's sha256.

    Args:
        wanted: The new file's name.
        size: Its size.
        present: The files that are here.
        lists: Of their chunks; those that are missing are made, for which the file is read once.
        keep_going: Called now and then; what it raises ends it.
    """
    found: dict[str, tuple[Path, int]] = {}
    for file in present:
        alike = (
            file.path.suffix == wanted.suffix
            and size < _FURTHEST * file.size
            and file.size < _FURTHEST * size
        )
        if alike:
            for chunk in _chunks(file, lists, keep_going):
                found.setdefault(chunk.sha256, (file.path, chunk.offset))
    return found


def _chunks(file: Present, lists: Lists, keep_going: Callable[[], None]) -> Iterator[Chunk]:
    kept = lists.get(file.sha256, file.size)
    if kept is None:
        try:
            kept = chunks.cut(file.path, keep_going)
        except OSError:
            return  # it has just been taken away
        lists.keep(file.sha256, chunks.to_bytes(kept))
    yield from kept
