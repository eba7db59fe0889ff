"""Bytes of a file from a certain offset on, by HTTP or from a folder.

Owns: the request, the checks of what the answer says of itself, and the guard against one that stops or never ends.
Does not know: chunks and hashes, nor which mirror to take.

A thread of its own reads, because looking a name up, a dead line and a worn stick know no time limit; whoever waits for the bytes
hears each second that they are still awaited.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import ssl
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from agent.models.shared_client import SharedClient
from provisioning.updates.refusals import RefusedError

_BLOCK = 1 << 16
_WAITING = 4  # blocks that may wait for whoever reads; a kill loses them
_TICK_S = 0.5
_MOST_REDIRECTS = 3
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")

Tick = Callable[[], None]


class BrokenError(Exception):
    """The line broke; what came before is good."""


class _End:
    """Nothing more comes."""


def connection(*, proxy: bool = True) -> SharedClient:
    """What speaks HTTP to one mirror, over one line as far as that holds.

    Args:
        proxy: Whether the machine's proxy is used, if it has one.
    """
    client = httpx.Client(
        verify=ssl.create_default_context(),
        follow_redirects=True,
        max_redirects=_MOST_REDIRECTS,
        trust_env=proxy,
        timeout=httpx.Timeout(60.0),  # only for the thread's own end; whoever reads is less patient
        headers={"Accept-Encoding": "identity", "User-Agent": "nisse"},
    )
    return SharedClient(client)


class Stream:
    """What one answer brings."""

    def __init__(
        self, url: str, begin: int, end: int, size: int, *, client: SharedClient, entity: str = ""
    ) -> None:
        """Asks.

        Args:
            url: https, http or file.
            begin: Offset of the first byte wanted.
            end: Offset behind the last.
            size: Of the whole file.
            client: Speaks HTTP.
            entity: What the server called this very content before; if it has changed since, it sends the whole.
        """
        self.start = begin  # offset of the first byte that comes
        self.ranged = True  # False: the server sends the whole file, from its beginning
        self.entity = entity
        self._url, self._begin, self._end, self._size, self._client = url, begin, end, size, client
        self._queue: queue.Queue[bytes | _End | Exception] = queue.Queue(_WAITING)
        self._left = threading.Event()
        self._allowed = 0  # bytes that may come yet
        threading.Thread(target=self._pump, name="fetching a range", daemon=True).start()

    def read(self, stall_s: float, tick: Tick) -> bytes:
        """The next bytes; none at the end.

        Args:
            stall_s: Seconds to wait for them.
            tick: Called while waiting; what it raises ends the waiting.

        Raises:
            BrokenError: The line broke, or nothing came for so long.
            RefusedError: The server has not got it (`not_there`), or sends something else (`wrong_length`, `endless_data`).
        """
        until = time.monotonic() + stall_s
        while True:
            tick()
            try:
                item = self._queue.get(timeout=_TICK_S)
            except queue.Empty:
                if time.monotonic() >= until:
                    raise BrokenError("nothing came any more") from None
                continue
            if isinstance(item, _End):
                return b""
            if isinstance(item, Exception):
                raise item
            return item

    def close(self) -> None:
        """Nobody waits for more."""
        self._left.set()

    def _pump(self) -> None:
        try:
            for block in self._from_folder() if self._url.startswith("file:") else self._from_server():
                self._count(block)
                self._hand_over(block)
            self._hand_over(_End())
        except httpx.TransportError as failed:
            self._hand_over(BrokenError(f"{_host(self._url)}: {failed or type(failed).__name__}"))
        except (httpx.HTTPError, httpx.InvalidURL) as failed:
            self._hand_over(RefusedError("malformed", f"{_host(self._url)}: {failed}"))
        except Exception as failed:  # noqa: BLE001 - carried over to the thread that waits
            self._hand_over(failed)

    def _count(self, block: bytes) -> None:
        self._allowed -= len(block)
        if self._allowed < 0:
            raise RefusedError("endless_data", f"{_host(self._url)} sends more than was asked for")

    def _hand_over(self, item: bytes | _End | Exception) -> None:
        while not self._left.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=_TICK_S)
                return

    def _from_server(self) -> Iterator[bytes]:
        headers = {"Range": f"bytes={self._begin}-{self._end - 1}"}
        if self.entity:
            headers["If-Range"] = self.entity
        with self._client.used() as client, client.stream("GET", self._url, headers=headers) as answer:
            self._check(answer)
            self._allowed = (self._end if answer.status_code == 206 else self._size) - self.start
            for block in answer.iter_raw():
                yield block
                if self._left.is_set():
                    return

    def _check(self, answer: httpx.Response) -> None:
        """What the answer's head says must fit what was asked for."""
        host = _host(self._url)
        if self._url.startswith("https:") and answer.url.scheme != "https":
            raise RefusedError("malformed", f"{host} leads to an unprotected line")
        if answer.status_code >= 500 or answer.status_code in (408, 425, 429):
            raise BrokenError(f"{host} answers {answer.status_code}")
        if answer.status_code == 416:
            raise RefusedError("wrong_length", f"{host} has no such range")
        if answer.status_code not in (200, 206):
            raise RefusedError("not_there", f"{host} answers {answer.status_code}")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise RefusedError("malformed", f"{host} sends another encoding than was asked for")
        if answer.status_code == 206:
            self._check_range(answer.headers.get("Content-Range", ""), host)
        else:
            self.start, self.ranged = 0, False
            told = answer.headers.get("Content-Length", "")
            if told and told != str(self._size):
                raise RefusedError("wrong_length", f"{host} has {told} bytes, not {self._size}")
        tag = answer.headers.get("ETag", "")
        self.entity = tag if tag.startswith('"') else ""  # a weak one promises nothing about bytes

    def _check_range(self, told: str, host: str) -> None:
        found = _RANGE.fullmatch(told)
        if not found:
            raise RefusedError("malformed", f"{host} sends the range {told[:80]!r}")
        begin, last, size = map(int, found.groups())
        if size != self._size:
            raise RefusedError("wrong_length", f"{host} has {size} bytes, not {self._size}")
        if begin != self._begin or not begin <= last < self._end:
            raise RefusedError(
                "malformed", f"{host} sends the bytes from {begin} to {last}, which nobody asked for"
            )

    def _from_folder(self) -> Iterator[bytes]:
        path = Path(unquote(urlsplit(self._url).path))
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError as failed:
            raise RefusedError("not_there", f"{path.name}: {failed.strerror}") from failed
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size != self._size:
                raise RefusedError("wrong_length", f"{path.name} has {facts.st_size} bytes, not {self._size}")
            file.seek(self._begin)
            self._allowed = left = self._end - self._begin
            while left and not self._left.is_set():
                try:
                    block = file.read(min(_BLOCK, left))
                except OSError as failed:
                    raise BrokenError(f"{path.name}: {failed.strerror}") from failed
                if not block:
                    raise BrokenError(f"{path.name} ends too early")
                left -= len(block)
                yield block


def _host(url: str) -> str:
    return urlsplit(url).hostname or "the folder"
