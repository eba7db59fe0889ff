"""The services around conversation as the portal meets them, for states that real ones reach only with real models.

Owns: a brain that says how it is, updates that fetch at the test's pace, on real sockets.
Does not know: the portal.
"""

from __future__ import annotations

from typing import Any, Self

from flask import Flask

from tests.live.served import Served


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
