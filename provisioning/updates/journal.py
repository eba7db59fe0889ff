"""The journal of a file on its way: which of its chunks are there, so that a cut at any byte costs one chunk and no more.

    nisse-journal 1 <sha256 of the file>
    list <sha256 of the list of its chunks>
    boot <id of this start of the kernel>
    17                                         chunk 17 was written, and found right before
    synced                                     everything above is on the disk

Each line ends in its checksum. Owns: the lines, and which of them can be believed: a process that is killed leaves what it wrote in the
kernel's memory, so within one start of the kernel all lines are true; after a power cut only those before the last `synced` are.
Does not know: what is in a chunk; whoever reads the doubtful ones again is `arriving`.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from agent import durable

_FORMAT = "nisse-journal 1"
_SYNCED = "synced"
_LARGEST = 64 << 20  # bytes: more than the longest list can bring about
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Found:
    """What a journal says."""

    certain: frozenset[int]  # chunks that are there
    doubtful: frozenset[int]  # chunks to read again before they are believed


class Journal:
    """One file's journal, open for more lines."""

    def __init__(self, path: Path, sha256: str) -> None:
        """Opens nothing yet; `begin` does.

        Args:
            path: Where it lies.
            sha256: Of the file that it is about.
        """
        self._path, self._head = path, f"{_FORMAT} {sha256}"
        self._descriptor = -1

    def read(self, chunks: str, count: int) -> Found | None:
        """What an earlier try left. Damaged lines are passed over.

        Args:
            chunks: sha256 of the list of chunks.
            count: How many it has.

        Returns:
            None where no journal can be read, or it is about another list: then nobody knows what is there.
        """
        try:
            with self._path.open("rb") as file:
                data = file.read(_LARGEST + 1)
        except OSError:
            return None
        lines = [_checked(line) for line in data.split(b"\n")] if len(data) <= _LARGEST else []
        if not lines or lines[0] != self._head:
            return None
        told = [line for line in lines[1:] if line is not None]
        of_this_list = f"list {chunks}" in told or not any(line.isdecimal() for line in told)
        return _sorted(told, count) if of_this_list else None

    def begin(self, chunks: str, there: frozenset[int]) -> None:
        """Writes the journal anew.

        Args:
            chunks: sha256 of the list of chunks.
            there: Those that are known to be on the disk.

        Raises:
            OSError: The disk does not take it.
        """
        self.close()
        lines = [
            self._head,
            f"list {chunks}",
            f"boot {_boot()}",
            *(str(index) for index in sorted(there)),
            _SYNCED,
        ]
        durable.write(self._path, b"".join(map(_line, lines)), mode=0o640)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def add(self, index: int) -> None:
        """A chunk was written. It costs no wait for the disk."""
        os.write(self._descriptor, _line(str(index)))

    def synced(self) -> None:
        """All chunks of which was told are on the disk; waits until this line is, too."""
        os.write(self._descriptor, _line(_SYNCED))
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Ends the writing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _sorted(lines: list[str], count: int) -> Found:
    certain: set[int] = set()
    since: set[int] = set()
    same_boot = False
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "boot":
            same_boot = rest == _boot()
        elif word == _SYNCED:
            certain |= since
            since = set()
        elif word.isdecimal() and int(word) < count:
            since.add(int(word))
    if same_boot:
        return Found(frozenset(certain | since), frozenset())
    return Found(frozenset(certain), frozenset(since - certain))


def _line(text: str) -> bytes:
    return f"{text} {zlib.crc32(text.encode()):08x}\n".encode()


def _checked(line: bytes) -> str | None:
    """What a line says; None where its checksum is wrong."""
    text, _, _checksum = line.rpartition(b" ")
    try:
        found = text.decode("ascii")
    except UnicodeDecodeError:
        return None
    return found if text and _line(found) == line + b"\n" else None


def _boot() -> str:
    """The name of this start of the kernel; without one no line is believed that was not waited for."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return f"unknown {os.getpid()}"
