"""An HTTP client that several threads use: the last one to leave closes it, and nobody closes a line under whoever reads it.

Owns: who still uses the client, and the end of its lines when it is given up.
Does not know: what is asked for, nor how long anybody waits.

A descriptor's number is given away again as soon as it is closed. OpenSSL keeps the number: a thread that still reads goes on with
whatever bears it by then, a model's file perhaps, and writes to it. So a line that is given up is shut down, which wakes the thread
and keeps the number; only the thread itself closes it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx


class SharedClient:
    """Belongs to whoever enters it; the threads that ask by it may stay longer."""

    def __init__(self, client: httpx.Client) -> None:
        """Takes the client over, its hooks too."""
        self._client = client
        self._lock = threading.Lock()
        self._users = 1  # the owner
        self._given_up = False
        self._lines: list[tuple[socket.socket, os.stat_result]] = []
        client.event_hooks = {"request": [self._before]}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._given_up = True
            for line, identity in self._lines:
                _shut_down(line, identity)
        self._leave()

    @contextlib.contextmanager
    def used(self) -> Iterator[httpx.Client]:
        """The client, open for as long as this lasts."""
        with self._lock:
            self._users += 1
        try:
            yield self._client
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            last = not self._users
        if last:
            self._client.close()

    def _before(self, request: httpx.Request) -> None:
        if self._given_up:
            raise httpx.ConnectError("given up", request=request)
        request.extensions["trace"] = self._trace

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        if not event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            return
        line = info["return_value"].get_extra_info("socket")
        identity = os.fstat(line.fileno())
        with self._lock:
            self._lines = [(other, its) for other, its in self._lines if other.fileno() >= 0]
            self._lines.append((line, identity))
            if self._given_up:  # a slow name server: the line comes when nobody waits for it
                _shut_down(line, identity)


def _shut_down(line: socket.socket, identity: os.stat_result) -> None:
    # Its own thread may close it at this moment: a second descriptor cannot become another file any more once it was looked at.
    with contextlib.suppress(OSError):
        held = os.dup(line.fileno())
        if not os.path.samestat(os.fstat(held), identity):
            os.close(held)
            return
        with socket.socket(fileno=held) as same:
            same.shutdown(socket.SHUT_RDWR)
