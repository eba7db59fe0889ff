"""A web server of one folder: ranges, entity tags, and every way in which mirrors fail or lie.

Owns: HTTP as a static server speaks it, and counting what it sent. Does not know: releases.
"""

from __future__ import annotations

import http.server
import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

_BLOCK = 1 << 16
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Mirror:
    """Serves a folder. What is changed on it holds from the next request on."""

    def __init__(self, folder: Path, tls: ssl.SSLContext | None = None) -> None:
        """Begins to listen at the with statement; with a certificate, over TLS."""
        self._scheme = "https" if tls else "http"
        self.folder = folder
        self.ranges = True  # whether it honours Range
        self.status = 0  # answer everything with this
        self.silent = threading.Event()  # while set, accept and say nothing
        self.crumbs_s = 0.0  # seconds between two single bytes
        self.cuts: list[
            int
        ] = []  # after how many bytes of a body the line breaks; one for each of the next answers
        self.headers: dict[str, str] = {}  # in place of the true ones
        self.tag = ""  # in place of the entity tag that is made of the file's name
        self.endless = False  # go on after the end
        self.spoil: Callable[[str, int, bytes], bytes] = lambda _path, _offset, data: data
        self.moved_to = ""  # redirect everything there
        self.sent = 0  # bytes of bodies
        self.asked: list[tuple[str, str]] = []  # path and Range of each request
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.silent.clear()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                # What lies in the kernel when a line is cut would count as sent.
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BLOCK)

            def do_GET(self) -> None:
                try:
                    outer.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        return Handler

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Answers one request as the server now behaves."""
        wanted = handler.headers.get("Range", "")
        self.asked.append((handler.path, wanted))
        while self.silent.is_set():
            time.sleep(0.05)
        if self.moved_to:
            handler.send_response(302)
            handler.send_header("Location", self.moved_to + handler.path)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        path = self.folder / handler.path.lstrip("/")
        if self.status or not path.is_file():
            handler.close_connection = True
            handler.send_error(self.status or 404)
            return
        self._send(handler, path, wanted)

    def _send(self, handler: http.server.BaseHTTPRequestHandler, path: Path, wanted: str) -> None:
        size = path.stat().st_size
        tag = f'"{self.tag or path.name}"'
        same = handler.headers.get("If-Range", tag) == tag
        found = _RANGE.fullmatch(wanted) if self.ranges and same else None
        begin, end = (int(found[1]), int(found[2] or size - 1) + 1) if found else (0, size)
        headers = {"Content-Length": str(end - begin), "ETag": tag}
        if found:
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
        handler.send_response(206 if found else 200)
        for name, value in (headers | self.headers).items():
            if value:
                handler.send_header(name, value)
        if self.endless:
            handler.send_header("Connection", "close")
            handler.close_connection = True
        handler.end_headers()
        cut = begin + self.cuts.pop(0) if self.cuts else None
        with path.open("rb") as file:
            file.seek(begin)
            while begin < end:
                block = file.read(
                    min(1 if self.crumbs_s else _BLOCK, end - begin, *([cut - begin] if cut else []))
                )
                if not block or begin == cut:
                    handler.close_connection = True
                    return
                handler.wfile.write(self.spoil(handler.path, begin, block))
                self.sent += len(block)
                begin += len(block)
                time.sleep(self.crumbs_s)
        while self.endless:
            handler.wfile.write(bytes(_BLOCK))


def random_cuts(count: int, size: int, seed: int = 5) -> list[int]:
    """After how many bytes each of so many answers breaks, so that the file is whole shortly after the last."""
    chance = random.Random(seed)
    places = sorted(chance.randrange(size) for _ in range(count))
    return [max(1, here - before) for before, here in zip([0, *places], places, strict=False)]
