"""Fetching one file: what this box has of it already is copied, the rest comes from one mirror after another, chunk by chunk.

Owns: which chunk is asked for next, from whom, and when a mirror is left for the next one.
Does not know: HTTP (`ranges`), what a list of releases is, nor what becomes of the file.

One line at a time: several would lose more at a cut, and push the household's own traffic aside.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from agent import logs
from agent.models.shared_client import SharedClient
from provisioning.updates.arriving import Arriving, WrongChunkError
from provisioning.updates.chunks import LARGEST_LIST
from provisioning.updates.mirrors import Mirror, Wanted
from provisioning.updates.pace import Pace, Patience
from provisioning.updates.pausing import PausedError
from provisioning.updates.ranges import BrokenError, Stream, connection
from provisioning.updates.refusals import RefusedError

_log = logging.getLogger(__name__)

_LONGEST_PAUSE_S = 30.0
_LOOK_S = 0.5  # between looks whether to go on, while nothing happens
# What is told of several failures: the first of these that any mirror earned.
_TELLING = ("wrong_hash", "endless_data", "wrong_length", "malformed", "too_slow", "unreachable", "not_there")

MayGoOn = Callable[[], str]  # a sentence why not; empty: it may
Progress = Callable[[int], None]  # bytes that are there
Places = Mapping[str, tuple[Path, int]]  # where on this box a chunk lies: file and offset, by its sha256


class Line:
    """What fetching needs to know of its circumstances."""

    def __init__(
        self,
        mirrors: Sequence[Mirror],
        *,
        may_go_on: MayGoOn = lambda: "",
        progress: Progress = lambda _done: None,
        patience: Patience | None = None,
    ) -> None:
        """Connects to nobody yet.

        Args:
            mirrors: Whom to ask, in order.
            may_go_on: Asked at least each second.
            progress: Told how much there is.
            patience: With any mirror; by default each mirror's own.
        """
        self.mirrors, self.progress = tuple(mirrors), progress
        self.received = 0  # bytes that came over a line, in all
        self._may_go_on, self._patience = may_go_on, patience

    def patience(self, mirror: Mirror) -> Patience:
        """What this mirror may cost in time."""
        return self._patience or mirror.patience

    def tick(self) -> None:
        """Looks whether to go on.

        Raises:
            PausedError: Not now.
        """
        why = self._may_go_on()
        if why:
            raise PausedError(why)

    def rest(self, seconds: float) -> None:
        """Waits, and looks meanwhile whether to go on."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.tick()
            time.sleep(min(left, _LOOK_S))


def copy_known(arriving: Arriving, known: Places, line: Line) -> int:
    """Copies the chunks that this box has already; the bytes that were copied.

    Raises:
        PausedError: Not now.
        StorageError: The disk does not take it.
    """
    copied = 0
    for index in arriving.missing():
        chunk = arriving.chunks[index]
        path, offset = known.get(chunk.sha256, (None, 0))
        if path is None:
            continue
        line.tick()
        # A file that changed since it was looked at does no harm: it is fetched then.
        with contextlib.suppress(OSError, WrongChunkError), path.open("rb", buffering=0) as file:
            file.seek(offset)
            arriving.put(index, _read_exactly(file.read, chunk.length))
            copied += chunk.length
            line.progress(arriving.done)
    arriving.settle()
    return copied


def fetch(arriving: Arriving, wanted: Wanted, line: Line) -> None:
    """Fetches all chunks that are not there.

    Args:
        arriving: The file on its way, open.
        wanted: What it is.
        line: Whom to ask, and whether to go on.

    Raises:
        PausedError: Not now; what came is kept.
        RefusedError: No mirror has it, or sends it fast enough, or rightly.
        StorageError: The disk does not take it.
    """
    failures: list[RefusedError] = []
    try:
        for mirror in line.mirrors:
            if arriving.first_gap():
                with connection(proxy=not mirror.neighbour) as client:
                    _FromMirror(arriving, wanted, line, mirror, client).run(failures)
    finally:
        arriving.settle()
    if arriving.first_gap():
        raise _most_telling(failures)


def fetch_small(wanted: Wanted, line: Line) -> bytes:
    """Fetches a small file as a whole, into memory.

    Raises:
        PausedError: Not now.
        RefusedError: No mirror has it, or sends it fast enough, or rightly.
    """
    if wanted.size > LARGEST_LIST:
        raise RefusedError("endless_data", f"{wanted.target} would have {wanted.size} bytes")
    failures: list[RefusedError] = []
    for mirror in line.mirrors:
        if mirror.neighbour:
            continue
        try:
            with connection() as client:
                data = b"".join(_small(wanted, line, mirror, client))
            if hashlib.sha256(data).hexdigest() == wanted.sha256:
                return data
            failures.append(RefusedError("wrong_hash", f"{mirror.url}: {wanted.target}"))
        except BrokenError as broken:
            failures.append(RefusedError("unreachable", str(broken)))
        except RefusedError as refused:
            failures.append(refused)
    raise _most_telling(failures)


def _small(wanted: Wanted, line: Line, mirror: Mirror, client: SharedClient) -> Iterator[bytes]:
    patience = line.patience(mirror)
    pace = Pace(patience)
    stream = Stream(mirror.address(wanted), 0, wanted.size, wanted.size, client=client)
    with contextlib.closing(stream):
        while block := stream.read(patience.stall_s, lambda: _watch(line, pace)):
            line.received += len(block)
            pace.add(len(block))
            yield block


def _watch(line: Line, pace: Pace) -> None:
    line.tick()
    if pace.too_slow():
        raise RefusedError("too_slow")


class _FromMirror:
    """The chunks that one mirror gives."""

    def __init__(
        self, arriving: Arriving, wanted: Wanted, line: Line, mirror: Mirror, client: SharedClient
    ) -> None:
        self._arriving, self._wanted, self._line = arriving, wanted, line
        self._url, self._client = mirror.address(wanted), client
        self._patience = line.patience(mirror)
        self._pace = Pace(self._patience)
        self._entity = ""
        self._half = bytearray()  # the beginning of a chunk that is coming
        self._half_of = -1  # which
        self._wrong = 0  # chunks
        self._barren = 0  # tries in a row that brought nothing

    def run(self, failures: list[RefusedError]) -> None:
        """Takes what there is. Why it did not suffice is added to the failures."""
        try:
            while self._arriving.first_gap():
                self._try()
        except RefusedError as refused:
            logs.event(_log, "mirror.left", url=self._url, reason=refused.reason, detail=refused.detail)
            failures.append(refused)

    def _try(self) -> None:
        before = self._line.received
        try:
            self._stream(self._arriving.first_gap())
        except BrokenError as broken:
            self._barren = 0 if self._line.received > before else self._barren + 1
            if self._barren >= self._patience.tries:
                raise RefusedError("unreachable", str(broken)) from broken
            self._line.rest(min(_LONGEST_PAUSE_S, self._patience.pause_s * 2**self._barren))
        except WrongChunkError:
            self._half.clear()
            self._wrong += 1
            if self._wrong >= self._patience.tries:
                raise RefusedError("wrong_hash", self._url) from None

    def _stream(self, gap: range) -> None:
        """Asks for a row of chunks, and takes them as they come."""
        chunks = self._arriving.chunks
        if self._half_of != gap[0]:
            self._half.clear()
        begin, end = chunks[gap[0]].offset + len(self._half), chunks[gap[-1]].end
        stream = Stream(self._url, begin, end, self._arriving.size, client=self._client, entity=self._entity)
        index, last, skip = gap[0], gap[-1], -1
        with contextlib.closing(stream):
            while block := stream.read(self._patience.stall_s, self._tick):
                self._entity = stream.entity
                self._line.received += len(block)
                self._pace.add(len(block))
                if skip < 0:
                    skip = begin - stream.start
                    if (
                        not stream.ranged
                    ):  # it begins with the file's beginning and goes on to its end: take all that is missing
                        last = self._arriving.missing()[-1]
                passed = min(skip, len(block))
                skip -= passed
                index = self._take(memoryview(block)[passed:], index)
                self._line.progress(self._arriving.done + len(self._half))
                if index > last and not stream.ranged:
                    return
        if index <= last:
            raise BrokenError("the answer ended too early")

    def _take(self, data: memoryview, index: int) -> int:
        """Takes bytes for the chunk that is coming and those behind it; the chunk that comes next."""
        chunks = self._arriving.chunks
        while data and index < len(chunks):
            lacking = chunks[index].length - len(self._half)
            self._half += data[:lacking]
            data = data[lacking:]
            if len(self._half) == chunks[index].length:
                if not self._arriving.has(index):
                    self._arriving.put(index, self._half)
                self._half.clear()
                index += 1
        self._half_of = index
        return index

    def _tick(self) -> None:
        _watch(self._line, self._pace)


def _read_exactly(read: Callable[[int], bytes], length: int) -> bytes:
    data = b""
    while len(data) < length and (more := read(length - len(data))):
        data += more
    return data


def _most_telling(failures: list[RefusedError]) -> RefusedError:
    for reason in _TELLING:
        for failure in failures:
            if failure.reason == reason:
                return failure
    return RefusedError("unreachable", "nobody to ask")
