"""A file server on a real socket: ranges, and the ways in which lines and servers fail.

Owns: HTTP as a publisher's server or a package index speaks it. Does not know: models or wheels.
"""

from __future__ import annotations

import http.server
import threading
from types import TracebackType
from typing import Self


class FileServer:
    """Serves bytes by path. What is changed on it holds from the next request on."""

    def __init__(self, files: dict[str, bytes]) -> None:
        """Begins to listen at `start` (the with statement)."""
        self.files = files
        self.cut_after: int | None = None  # bytes of a body after which each line breaks
        self.ranges = True  # whether it honours Range
        self.status = 0  # answer everything with this
        self.silent = threading.Event()  # while set, accept and say nothing
        self.asked: list[tuple[str, str]] = []  # path and Range of each request
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def url(self, path: str) -> str:
        """Where a file is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{path}"

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
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        return Handler

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Answers one request as the server now behaves."""
        wanted = handler.headers.get("Range", "")
        self.asked.append((handler.path.lstrip("/"), wanted))
        while self.silent.is_set():
            threading.Event().wait(0.05)
        body = self.files.get(handler.path.lstrip("/"))
        if self.status or body is None:
            handler.send_error(self.status or 404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        rest = body[start:]
        handler.send_header("Content-Length", str(len(rest)))
        handler.end_headers()
        handler.wfile.write(rest if self.cut_after is None else rest[: self.cut_after])
