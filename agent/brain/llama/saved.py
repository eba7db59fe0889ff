"""Conversations kept on the disk: what the model computed of them survives a restart or a power cut.

Owns: the folder of states, its bounds, and telling a whole file from a torn or a foreign one.
Does not know: the library, which conversation is whose, or when one is worth keeping.

A file holds a header (what it was made by, how many tokens, a checksum), the tokens, and the state as llama.cpp gives it. It is
written beside and renamed. Nothing is synced to the medium: a torn file is found out by its checksum and costs only time, while
every sync wears a card.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import queue
import struct
import threading
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent import logs
from agent.brain.llama.sequences import Tokens, shared

_log = logging.getLogger(__name__)

_HEADER = struct.Struct("<8s16sIQI")  # magic, made by, tokens, bytes of state, checksum of tokens and state
_MAGIC = b"nisseKV1"
_SUFFIX = ".state"
_UNFINISHED = ".new"
_DAY_S = 86_400.0
_REST_S = 60.0  # after a disk did not take one
_ABANDONED_S = 3_600.0


@dataclass(frozen=True)
class Kept:
    """One conversation on the disk."""

    path: Path
    tokens: Tokens
    size: int  # bytes of the file
    used: float  # seconds since 1970


class Saved:
    """The folder. One thread may ask while another writes; a writer of its own does the writing."""

    def __init__(self, folder: Path, *, made_by: str, most: int, most_a_day: int) -> None:
        """Looks through the folder; what cannot be used is deleted.

        Args:
            folder: Made if it is not there.
            made_by: What a state must fit to: the model, its options, the library's build.
            most: Bytes that all files together may take.
            most_a_day: Bytes written in a day, after which nothing is kept until the next.
        """
        self._folder = folder
        self._key = hashlib.sha256(made_by.encode()).digest()[:16]
        self._most, self._most_a_day = most, most_a_day
        self._lock = threading.RLock()
        self._written = threading.Condition(self._lock)
        self._day, self.written = time.monotonic(), 0  # bytes, of this day
        self._kept: dict[Path, Kept] = {}
        self._unwritten: dict[Path, bytearray] = {}  # states of those that are being written
        self._work: queue.Queue[tuple[Kept, bytearray] | None] = queue.Queue()
        self._waiting = 0
        self._rests_until = 0.0
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._look()
        self._thread = threading.Thread(target=self._write_all, name="saving", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends when what was given is written."""
        self._work.put(None)
        self._thread.join(timeout=30)

    def info(self) -> dict[str, int]:
        """How much is kept and how much is about to be."""
        with self._lock:
            size = sum(kept.size for kept in self._kept.values())
            return {
                "conversations": len(self._kept),
                "bytes": size,
                "written_today": self.written,
                "pending": self._waiting,
            }

    def best(self, tokens: Tokens) -> tuple[Kept | None, int]:
        """The file that shares the longest beginning with these tokens, the smallest of equals; and how long that is."""
        found: Kept | None = None
        longest = 0
        with self._lock:
            kept = list(self._kept.values())
        for each in kept:
            length = shared(each.tokens, tokens)
            if length > longest or (found and length == longest and each.size < found.size):
                found, longest = each, length
        return found, longest

    def read(self, kept: Kept) -> bytearray | None:
        """The state, not to be changed; None, and the file is gone, if it is not what it was."""
        with self._lock:
            if unwritten := self._unwritten.get(kept.path):
                return unwritten
        try:
            with kept.path.open("rb") as file:
                _, _, count, size, checksum = _HEADER.unpack(file.read(_HEADER.size))
                listed = file.read(4 * count)
                state = bytearray(min(size, kept.size))
                whole = file.readinto(state) == size and not file.read(1)
            if whole and zlib.crc32(state, zlib.crc32(listed)) == checksum:
                self._touch(kept)
                return state
            logs.event(_log, "state.torn", level=logging.WARNING, file=kept.path.name)
        except (OSError, struct.error) as failed:
            logs.event(_log, "state.unreadable", level=logging.WARNING, file=kept.path.name, error=failed)
        self.forget(kept.path)
        return None

    def ready(self, *, seconds: float = 0.0) -> bool:
        """Whether another conversation may be given; only one at a time, since each takes its size of memory until it is written.

        Args:
            seconds: How long to wait for it.
        """
        with self._written:
            written = self._written.wait_for(lambda: not self._waiting, timeout=seconds)
            return written and time.monotonic() >= self._rests_until

    def keep(self, tokens: Tokens, state: bytearray) -> bool:
        """Has a conversation written soon, and knows it at once; False if there is no room or too much was written today."""
        size = _HEADER.size + 4 * len(tokens) + len(state)
        name = hashlib.sha256(self._key + tokens.astype("<i4").tobytes()).hexdigest()[:32]
        kept = Kept(self._folder / f"{name}{_SUFFIX}", tokens, size, time.time())
        with self._lock:
            if time.monotonic() - self._day > _DAY_S:
                self._day, self.written = time.monotonic(), 0
            if size > self._most or self.written + size > self._most_a_day:
                return False
            self._waiting += 1
            self._kept[kept.path] = kept
            self._unwritten[kept.path] = state
        self._work.put((kept, state))
        return True

    def _write_all(self) -> None:
        while (work := self._work.get()) is not None:
            kept, state = work
            try:
                self._write(kept, state)
            except OSError as failed:
                self._rests_until = time.monotonic() + _REST_S
                logs.event(_log, "state.unwritten", level=logging.WARNING, error=failed)
                self.forget(kept.path)
            finally:
                del work, state  # it may be as large as a model's memory
                with self._written:
                    self._unwritten.pop(kept.path, None)
                    self._waiting -= 1
                    self._written.notify_all()

    def _write(self, kept: Kept, state: bytearray) -> None:
        listed = kept.tokens.astype("<i4").tobytes()
        checksum = zlib.crc32(state, zlib.crc32(listed))
        unfinished = kept.path.with_suffix(_UNFINISHED)
        try:
            with unfinished.open("wb") as file:
                file.write(_HEADER.pack(_MAGIC, self._key, len(kept.tokens), len(state), checksum))
                file.write(listed)
                file.write(state)
            unfinished.chmod(0o600)
            unfinished.replace(kept.path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        with self._lock:
            self.written += kept.size
            others = sorted(self._kept.values(), key=lambda each: each.used)
        self._make_room([each for each in others if each.path != kept.path], kept.tokens)

    def _make_room(self, others: list[Kept], tokens: Tokens) -> None:
        """Only after the new file is there: a disk that does not take it must not cost the old ones too."""
        for each in others:  # an earlier state of the same conversation has had its day
            if shared(each.tokens, tokens) == len(each.tokens):
                self.forget(each.path)
        for each in others:
            with self._lock:
                if sum(other.size for other in self._kept.values()) <= self._most:
                    return
            self.forget(each.path)

    def _look(self) -> None:
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):  # what is no file of ours stays where it is
                kept = self._header_of(path) if path.suffix == _SUFFIX else None
                if kept:
                    self._kept[path] = kept
                elif path.suffix == _SUFFIX or (path.suffix == _UNFINISHED and _age(path) > _ABANDONED_S):
                    path.unlink()

    def _header_of(self, path: Path) -> Kept | None:
        try:
            with path.open("rb") as file:
                magic, made_by, count, size, _ = _HEADER.unpack(file.read(_HEADER.size))
                status = path.stat()
                if (magic, made_by) != (_MAGIC, self._key):
                    return None
                if status.st_size != _HEADER.size + 4 * count + size:
                    return None
                tokens = np.frombuffer(file.read(4 * count), dtype="<i4").astype(np.int32)
            return Kept(path, tokens, status.st_size, status.st_mtime)
        except (OSError, struct.error, ValueError):
            return None

    def _touch(self, kept: Kept) -> None:
        with self._lock:
            if kept.path in self._kept:
                self._kept[kept.path] = Kept(kept.path, kept.tokens, kept.size, time.time())

    def forget(self, path: Path) -> None:
        """Deletes a file."""
        with self._lock:
            self._kept.pop(path, None)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime
