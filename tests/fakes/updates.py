"""The updates service as the portal and the command meet it: its routes with a state that the test sets, and the real questions and files.

Owns: what the owner said, in order; refusing on demand. On a real socket.
Does not know: how an update goes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from flask import Flask
from flask.typing import ResponseReturnValue

from agent.errors import ConflictError
from agent.models import gguf_header
from agent.models.catalogue import Model
from agent.wire import serve
from provisioning.updates.golden import Questions
from provisioning.updates.owners import golden_routes, sideload_routes
from provisioning.updates.sideload import Sideload
from tests.live.served import Served

ACTIVE = {
    "seq": 6, "origin": "signed", "since": 1_795_000_000.0,
    "chat": {"name": "smol-v1", "title": "Smol 135M", "version": "1.0"},
    "embed": {"name": "minilm", "title": "all-MiniLM", "version": ""},
}  # fmt: skip
OFFER = {
    "seq": 12, "role": "chat", "title": "Smol 135M", "version": "2.0", "notes": "Knows <b>more</b> about hedges.\nIs faster.",
    "licence": "Apache-2.0", "size": 98_000_000, "bytes": 3_000_000, "critical": False, "why_waits": "",
}  # fmt: skip
BAD = {
    "seq": 11, "sha256": "0" * 64, "title": "Smol 135M", "version": "1.9", "reason": "golden", "sentence": "To “When?” the answer lacks “March”.",
    "at": 1_795_000_000.0,
}  # fmt: skip


def idle(**more: Any) -> dict[str, Any]:
    """A state in which nothing happens."""
    return {
        "policy": "ask", "step": "idle", "sentence": "All is up to date.", "active": ACTIVE, "previous": None,
        "can_go_back": False, "why_not_back": "There is none before it.", "offer": None, "progress": None,
        "checked_at": 1_795_000_000.0, "warning": "", "bad": [], "notice": None, "source": "", **more,
    }  # fmt: skip


def program(**more: Any) -> dict[str, Any]:
    """Nisse itself, of which nothing is new."""
    return {
        "box": True, "version": "0.5.0", "base": "0.5.0", "step": "idle", "busy": False,
        "sentence": "There is no newer version of Nisse that suits this box.", "offer": None, "progress": None, "can_go_back": False,
        "why_not_back": "", "back_to": "", "trouble": "", "reason": "", "bad": [], "notice": None, "history": [], **more,
    }  # fmt: skip


PROGRAM_OFFER = {
    "version": "0.5.1", "notes": "Answers <i>sooner</i>.", "licence": "Apache-2.0", "size": 98_000_000, "bytes": 98_000_000,
    "critical": False, "why_waits": "It waits for your word.",
}  # fmt: skip


class Updates:
    """The service, answering on a port of this machine."""

    def __init__(self, folder: Path) -> None:
        self.state = idle()
        self.program = program()
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.refuses = ""
        self.offered: list[Model] = []
        self.questions = Questions(folder)
        self.sideload = Sideload(
            folder, check=lambda path: (gguf_header.read(path), None)[1], offer=self.offered.append, sticks=[folder / "media"]
        )  # fmt: skip
        app = Flask("updates")
        serve.answer_errors(app)
        app.register_blueprint(golden_routes(self.questions))
        app.register_blueprint(sideload_routes(self.sideload))
        app.add_url_rule("/info", "info", lambda: {"ready": True, "state": "All is up to date."})
        app.add_url_rule("/models", "models", lambda: {"models": []})
        app.add_url_rule("/state", "state", lambda: self.state)
        app.add_url_rule("/program", "program", lambda: self.program)
        app.add_url_rule("/program/<word>", "say_of_program", self._say_of_program, methods=["POST"])
        app.add_url_rule("/<word>", "say", self._say, methods=["POST"])
        self._server = Served(app)
        self.url = self._server.url

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self._server.__exit__(*reason)

    def _say_of_program(self, word: str) -> ResponseReturnValue:
        self._say(f"program {word}")
        return self.program

    def _say(self, word: str) -> ResponseReturnValue:
        if self.refuses:
            raise ConflictError(self.refuses, hint="Try again later.")
        self.said.append((word, serve.json_body()))
        return self.state
