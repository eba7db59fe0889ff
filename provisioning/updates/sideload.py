"""A model that the owner brings: a GGUF file sent piece by piece from the browser, or taken from a stick.

Owns: the pieces until they are a file, what may be taken from where, and making a model's record of it. It bears nobody's signature.
Does not know: HTTP, nor what becomes of the model then: it is handed on, and tried like any other before it serves.

What has come is kept over a restart, and sending goes on where it ended: a piece is refused whose place is not the end.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent import durable, logs
from agent.errors import (
    ConflictError,
    ModelError,
    NisseError,
    NotFoundError,
    RequestError,
    StorageError,
    TooLargeError,
    UnavailableError,
)
from agent.models import described
from agent.models.blobs import Blobs, hash_on_disk
from agent.models.catalogue import Model
from agent.models.shelf import writing

_log = logging.getLogger(__name__)

LARGEST_PIECE = 4_000_000  # bytes
STICKS = (Path("/media"), Path("/run/media"))

_FOLDER = ("updates", "sideload")
_SMALLEST, _LARGEST = 1_000, 64_000_000_000  # bytes of a model
_KEPT_FREE = 512_000_000  # bytes of the disk
_MOST = 2  # that have begun and not ended
_MOST_FOUND = 50  # files of sticks
_DEEPEST = 3  # folders below a place where sticks appear
_BLOCK = 1 << 22
_MAGIC = b"GGUF"
_ID = re.compile(r"[0-9a-f]{32}")
_UNWANTED = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_STEM = 80


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One file on its way."""

    id: str
    name: str
    size: int
    done: int  # bytes that are here
    step: str  # receiving, checking, handed on, or failed
    problem: str = ""  # why it failed, a sentence


@dataclass(frozen=True, kw_only=True)
class Found:
    """A model file on a stick."""

    path: str
    name: str
    size: int


class Sideload:
    """Files that the owner brings. Safe to use from several threads of one process."""

    def __init__(
        self,
        models_folder: Path,
        *,
        check: Callable[[Path], None],
        offer: Callable[[Model], None],
        sticks: Sequence[Path] = STICKS,
    ) -> None:
        """Uses the folder; nothing need be there yet.

        Args:
            models_folder: Where models lie.
            check: Looks whether a file is a sound GGUF file, without trusting it; raises if not.
            offer: Takes a model whose file is among the blobs, to be tried and then to serve; raises if it cannot now.
            sticks: Folders below which sticks appear.
        """
        self._folder = models_folder.joinpath(*_FOLDER)
        self._blobs = Blobs(models_folder)
        self._check = check
        self._offer = offer
        self._sticks = tuple(sticks)
        self._lock = threading.Lock()
        self._told: dict[str, Arrival] = {}  # what is checked, was handed on or failed, since the start

    def begin(self, name: str, size: int) -> Arrival:
        """Makes ready for a file; if it was begun before, what has come of it is kept.

        Raises:
            RequestError: It is no GGUF file by its name.
            TooLargeError: It is too large, or no model at all.
            StorageError: The disk has no room for it.
            ConflictError: Others are on their way.
        """
        name = _file_name(name)
        if not _SMALLEST <= size <= _LARGEST:
            raise TooLargeError("That is no size of a model.", hint="It has 1 kB to 64 GB.", param="size")
        with self._lock, writing():
            known = next((one for one in self._receiving() if (one.name, one.size) == (name, size)), None)
            if known:
                return known
            if len(self._receiving()) >= _MOST:
                raise ConflictError(
                    f"{_MOST} files are on their way already.", hint="Finish one of them, or give it up."
                )
            self._demand_room(size)
            identity = secrets.token_hex(16)
            durable.write(self._path(identity, "json"), json.dumps({"name": name, "size": size}))
            self._path(identity, "part").touch(mode=0o600)
            return self._find(identity)

    def append(self, identity: str, offset: int, data: bytes) -> Arrival:
        """Adds a piece. One that is there already changes nothing.

        Raises:
            NotFoundError: There is no such file on its way.
            ConflictError: It is not the next piece.
            RequestError: The file is no GGUF file, or the piece goes beyond its end.
            StorageError: The disk is full; what has come is kept.
        """
        with self._lock, writing():
            arrival = self._find(identity)
            if arrival.step != "receiving":
                raise ConflictError("This file is complete already.")
            if offset + len(data) <= arrival.done:
                return arrival
            if offset != arrival.done:
                raise ConflictError(f"The next piece begins at {arrival.done}.", param="offset")
            if offset + len(data) > arrival.size or not data:
                raise RequestError("The piece does not fit into the file.", param="data")
            if offset == 0 and not data.startswith(_MAGIC):
                self._forget(identity)
                raise RequestError("This is no GGUF file.", hint="Choose a file that ends in .gguf.")
            with self._path(identity, "part").open("r+b") as file:
                file.seek(offset)
                file.write(data)
            return replace(arrival, done=offset + len(data))

    def finish(self, identity: str) -> Arrival:
        """The file is complete: it is looked into in the background, and handed on.

        Raises:
            NotFoundError: There is no such file on its way.
            ConflictError: Something is missing yet.
        """
        with self._lock:
            arrival = self._find(identity)
            if arrival.step != "receiving":
                return arrival
            if arrival.done != arrival.size:
                raise ConflictError(
                    f"{arrival.size - arrival.done:,} bytes are missing.", hint="Send the file again."
                )
            arrival = self._told[identity] = replace(arrival, step="checking")
        self._apart(lambda: self._take(arrival), arrival)
        return arrival

    def resume(self) -> None:
        """After a start: looks into what was complete before."""
        with self._lock:
            complete = [one.id for one in self._receiving() if one.done == one.size]
        for identity in complete:
            self.finish(identity)

    def give_up(self, identity: str) -> None:
        """Takes away what has come of a file.

        Raises:
            NotFoundError: There is no such file on its way.
            ConflictError: It is being looked into.
        """
        with self._lock, writing():
            told = self._told.get(identity) or self._find(identity)
            if told.step == "checking":
                raise ConflictError("This file is being looked into.", hint="Wait until that has ended.")
            self._forget(identity)
            self._told.pop(identity, None)

    def arrivals(self) -> list[Arrival]:
        """The files on their way, and what became of those that came since the start."""
        with self._lock:
            receiving = [one for one in self._receiving() if one.id not in self._told]
            return [*receiving, *self._told.values()]

    def on_sticks(self) -> list[Found]:
        """The model files on sticks that are plugged in."""
        found: list[Found] = []
        for place in self._sticks:
            for path in _below(place, _DEEPEST):
                if len(found) == _MOST_FOUND:
                    return found
                found.append(Found(path=str(path), name=path.name, size=path.stat().st_size))
        return found

    def from_stick(self, path: str) -> Arrival:
        """Takes a file from a stick, in the background.

        Raises:
            NotFoundError: It is not one of those that `on_sticks` shows.
            TooLargeError, StorageError, ConflictError: As for `begin`.
        """
        file = next((one for one in self.on_sticks() if one.path == path), None)
        if file is None:
            raise NotFoundError("There is no such file on a stick.", hint="Is the stick still plugged in?")
        arrival = self.begin(file.name, file.size)
        self._apart(lambda: self._copy(Path(file.path), arrival), arrival)
        return arrival

    def _copy(self, source: Path, arrival: Arrival) -> None:
        with source.open("rb") as file:
            file.seek(arrival.done)
            offset = arrival.done
            while data := file.read(_BLOCK):
                offset = self.append(arrival.id, offset, data).done
        self.finish(arrival.id)

    def _take(self, arrival: Arrival) -> None:
        part = self._path(arrival.id, "part")
        self._check(part)
        sha256 = hash_on_disk(part)
        stem = Path(arrival.name).stem[:_LONGEST_STEM]
        # Two files of one name are two models: part of the hash is in the name.
        model = described.describe(
            part,
            name=f"{stem.lower().strip('._-') or 'model'}-{sha256[:8]}",
            title=f"{stem} (your own file)",
            file_name=arrival.name,
            sha256=sha256,
        )
        with writing():
            self._blobs.incoming.mkdir(parents=True, exist_ok=True)
            # A second name, not another: until it is handed on, a power cut must not cost a gigabyte sent again.
            durable.give_name(part, self._blobs.part(sha256))
        self._blobs.promote(sha256)
        self._offer(model)
        with self._lock, writing():
            self._forget(arrival.id)
            self._told[arrival.id] = replace(arrival, step="handed on", done=arrival.size)
        logs.event(_log, "sideload.handed_on", model=model.name, bytes=arrival.size)

    def _apart(self, work: Callable[[], None], arrival: Arrival) -> None:
        threading.Thread(target=self._done, args=(work, arrival), name="sideload", daemon=True).start()

    def _done(self, work: Callable[[], None], arrival: Arrival) -> None:
        """Does it, and tells what went wrong."""
        try:
            work()
        except (NisseError, OSError) as failed:
            logs.event(_log, "sideload.failed", level=logging.WARNING, file=arrival.name, why=failed)
            with self._lock:
                if _is_final(failed):
                    self._forget(arrival.id)
                self._told[arrival.id] = replace(arrival, step="failed", problem=str(failed))

    def _receiving(self) -> list[Arrival]:
        """What stands in the folder, the oldest first; called by who holds the lock."""
        found = []
        for path in sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime):
            try:
                row = json.loads(path.read_text(encoding="utf-8"))
                done = path.with_suffix(".part").stat().st_size
                found.append(
                    Arrival(
                        id=path.stem,
                        name=str(row["name"]),
                        size=int(row["size"]),
                        done=done,
                        step="receiving",
                    )
                )
            except (OSError, ValueError, KeyError, TypeError):
                self._forget(path.stem)  # torn by a power cut: it can be sent again
        return found

    def _find(self, identity: str) -> Arrival:
        told = self._told.get(identity)
        if told and told.step != "failed":
            return told
        for one in self._receiving():
            if one.id == identity:
                return one
        raise NotFoundError("There is no such file on its way.", hint="Choose it again.")

    def _forget(self, identity: str) -> None:
        for ending in ("part", "json"):
            self._path(identity, ending).unlink(missing_ok=True)

    def _path(self, identity: str, ending: str) -> Path:
        if not _ID.fullmatch(identity):
            raise NotFoundError("There is no such file on its way.")
        return self._folder / f"{identity}.{ending}"

    def _demand_room(self, size: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._folder).free
        if free < size + _KEPT_FREE:
            lacking = -(-(size + _KEPT_FREE - free) // 1_000_000)
            raise StorageError(
                f"The disk has no room for this file; {lacking} MB are lacking.", hint="Make room on the box."
            )


def _is_final(failed: NisseError | OSError) -> bool:
    """Whether trying again is of no use."""
    later = isinstance(failed, StorageError | ConflictError | UnavailableError | OSError)
    return isinstance(failed, ModelError) or not later


def _file_name(given: str) -> str:
    name = _UNWANTED.sub("-", given.replace("\\", "/").rpartition("/")[2]).lstrip("._-")
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - no path
    if ending.lower() != ".gguf" or not stem:
        raise RequestError("This is no GGUF file.", hint="Choose a file that ends in .gguf.", param="name")
    return f"{stem[:_LONGEST_STEM]}.gguf"


def _below(folder: Path, depth: int) -> Iterator[Path]:
    """The GGUF files below a folder; links are not followed, as a stick is a stranger's."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_file(follow_symlinks=False) and entry.name.lower().endswith(".gguf"):
                yield Path(entry.path)
            elif depth and entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                yield from _below(Path(entry.path), depth - 1)
        except OSError:
            continue
