"""A scripted brain that speaks OpenAI's streaming protocol over a real socket, for what a real model is too slow or too free for.

Owns: what it answers and when it breaks off, as the test tells it.
Does not know: conversation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Self

from flask import Flask, Response, request
from flask.typing import ResponseReturnValue

from tests.live.served import Served

Script = Callable[[list[dict[str, str]]], Iterator[str]]


class Brain:
    """Answers each chat completion with what the script yields; an exception breaks the connection off."""

    def __init__(self, script: Script, port: int = 0) -> None:
        self.script = script
        self.requests: list[dict[str, Any]] = []
        self.priorities: list[str] = []
        app = Flask("brain")
        app.add_url_rule("/v1/chat/completions", view_func=self._complete, methods=["POST"])
        app.add_url_rule("/info", view_func=lambda: {"ready": True, "state": "scripted"})
        self._served = Served(app, port)
        self.url = self._served.url

    def __enter__(self) -> Self:
        self._served.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self._served.__exit__(*reason)

    def _complete(self) -> ResponseReturnValue:
        body = request.get_json()
        self.requests.append(body)
        self.priorities.append(request.headers.get("X-Nisse-Priority", ""))
        return Response(self._stream(body["messages"]), mimetype="text/event-stream")

    def _stream(self, messages: list[dict[str, str]]) -> Iterator[str]:
        for piece in self.script(messages):
            yield f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': piece}}]})}\n\n"
        yield "data: [DONE]\n\n"
