"""A server that speaks OpenAI's streaming protocol over a real socket, and fails in every way in which servers do.

Owns: what it answers, as the test tells it. Does not know: who asks.
"""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import threading
from collections.abc import Sequence
from typing import Any, Self

KNOWN = {
    "model",
    "stream",
    "stream_options",
    "messages",
    "prompt",
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "stop",
}


class OpenAIServer:
    """Answers each completion with its chunks. What is changed on it holds from the next request on."""

    def __init__(self, chunks: Sequence[Any] = ()) -> None:
        """Begins to listen with the `with` statement; its port is taken at once."""
        self.chunks: Sequence[Any] = chunks or said("Owls ", "hunt at night.")
        self.models: Any = {
            "object": "list",
            "data": [{"id": "big", "object": "model", "max_model_len": 32768}],
        }
        self.status = 0  # answer completions with this
        self.look_status = 0  # answer /v1/models with this
        self.retry_after = ""
        self.said = "Out of order."
        self.die_after: int | None = None  # chunks of a stream after which the connection breaks
        self.strict = False  # refuse fields that OpenAI does not have
        self.key = ""  # that callers must show
        self.holding = threading.Event()  # while set, completions get no word
        self.asked: list[dict[str, Any]] = []  # bodies of completions
        self.looks = 0
        self.at_once = 0  # completions that are being answered
        self.hung_up = threading.Event()  # a client left in the middle
        self._server = _Quiet(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Speaks TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.holding.clear()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.looks += 1
                _answer(self, outer.look_status or 200, outer.models, outer.retry_after)

            def do_POST(self) -> None:
                outer.at_once += 1
                try:
                    outer.complete(self)
                finally:
                    outer.at_once -= 1

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        return Handler

    def complete(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Answers one completion as the server now behaves."""
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.asked.append({**body, "path": handler.path})
        while self.holding.is_set():
            if _gone(handler.connection):
                self.hung_up.set()
                return
        unknown = sorted(set(body) - KNOWN) if self.strict else []
        wrong = self.status or (
            401 if self.key and self.key not in str(handler.headers["Authorization"]) else 0
        )
        if wrong or unknown:
            said = self.said if wrong else f"Unrecognized request argument supplied: {unknown[0]}"
            _answer(handler, wrong or 400, {"error": {"message": said}}, self.retry_after)
            return
        self._stream(handler)

    def _stream(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        for number, chunk in enumerate([*self.chunks, "[DONE]"]):
            if number == self.die_after:
                handler.wfile.flush()
                # Reset, not closed: so it looks when a machine goes down.
                handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                handler.connection.close()
                return
            text = chunk if isinstance(chunk, str) else json.dumps(chunk)
            handler.wfile.write(f"data: {text}\n\n".encode())


class _Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A client that leaves in the middle is what is tested."""


def said(*pieces: str, finish: str = "stop", usage: dict[str, Any] | None = None) -> list[Any]:
    """The chunks of a chat's answer."""
    made: list[Any] = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    made.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    return [*made, {"choices": [], "usage": usage}] if usage else made


def _answer(handler: http.server.BaseHTTPRequestHandler, status: int, body: Any, retry_after: str) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(data)))
    if retry_after:
        handler.send_header("Retry-After", retry_after)
    handler.end_headers()
    handler.wfile.write(data)


def _gone(connection: socket.socket) -> bool:
    connection.settimeout(0.05)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except TimeoutError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(None)
