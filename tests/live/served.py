"""A Flask application on a real socket, for as long as a test wants it.

Owns: starting and ending it cleanly, also while clients hold long polls. Does not know: what it serves.
"""

from __future__ import annotations

import threading
from typing import Self

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server


class Served:
    """Any Flask application on a port of this machine, in threads of its own."""

    def __init__(self, app: Flask, port: int = 0) -> None:
        self._server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(30)
        self._server.server_close()


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """A test shows what it asked by itself."""
