"""The services around conversation as the portal meets them, for states that real ones reach only with real models.

Owns: a brain that says how it is, updates that fetch at the test's pace, on real sockets.
Does not know: the portal.
"""

from __future__ import annotations

import threading
from typing import Any, Self

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server


class Far:
    """One far service whose answers the test sets: `/info`, and `/models` as updates has it."""

    def __init__(self, info: dict[str, Any], models: list[dict[str, Any]] | None = None) -> None:
        self.info = info
        self.models = models or []
        app = Flask("far")
        app.add_url_rule("/info", "info", view_func=lambda: self.info)
        app.add_url_rule("/models", "models", view_func=lambda: {"models": self.models})
        self._server = Served(app)
        self.url = self._server.url

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self._server.__exit__(*reason)


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
        self._thread.join(5)
        self._server.server_close()


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """A test shows what it asked by itself."""
