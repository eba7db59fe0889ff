"""The routes by which owners bring something of their own: test questions, and models as files.

Owns: these routes and their limits.
Does not know: how anything behind them is done (`golden`, `sideload`).
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from agent.errors import RequestError, TooLargeError
from agent.wire import serve
from provisioning.updates.golden import Questions
from provisioning.updates.sideload import LARGEST_PIECE, Sideload

MAX_BODY = 2 * LARGEST_PIECE  # a piece in base64, and its place


def golden_routes(questions: Questions) -> Blueprint:
    """The routes of the golden questions."""
    routes = Blueprint("golden", __name__)

    @routes.get("/golden")
    def everything() -> ResponseReturnValue:
        return {"questions": [one.to_json() for one in questions.all()]}

    @routes.post("/golden")
    def keep() -> ResponseReturnValue:
        body = serve.json_body()
        kept = questions.keep(
            _text(body, "question"),
            _text(body, "answer"),
            passages=_texts(body, "passages"),
            must=_texts(body, "must") if body.get("must") is not None else None,
        )
        return kept.to_json(), 201

    @routes.delete("/golden/<identity>")
    def remove(identity: str) -> ResponseReturnValue:
        questions.remove(identity)
        return {"removed": 1}

    return routes


def sideload_routes(sideload: Sideload) -> Blueprint:
    """The routes of models that come as files."""
    routes = Blueprint("sideload", __name__)

    @routes.get("/sideload")
    def arrivals() -> ResponseReturnValue:
        return {
            "arrivals": [dataclasses.asdict(one) for one in sideload.arrivals()],
            "sticks": [dataclasses.asdict(one) for one in sideload.on_sticks()],
            "piece": LARGEST_PIECE,
        }

    @routes.post("/sideload")
    def begin() -> ResponseReturnValue:
        body = serve.json_body()
        return dataclasses.asdict(sideload.begin(_text(body, "name"), _number(body, "size"))), 201

    @routes.post("/sideload/stick")
    def from_stick() -> ResponseReturnValue:
        return dataclasses.asdict(sideload.from_stick(_text(serve.json_body(), "path"))), 202

    @routes.post("/sideload/<identity>")
    def append(identity: str) -> ResponseReturnValue:
        body = serve.json_body()
        try:
            data = base64.b64decode(_text(body, "data"), validate=True)
        except (binascii.Error, ValueError) as wrong:
            raise RequestError("'data' must be base64.", param="data") from wrong
        if len(data) > LARGEST_PIECE:
            raise TooLargeError(f"A piece has at most {LARGEST_PIECE:,} bytes.", param="data")
        return dataclasses.asdict(sideload.append(identity, _number(body, "offset"), data))

    @routes.post("/sideload/<identity>/finish")
    def finish(identity: str) -> ResponseReturnValue:
        return dataclasses.asdict(sideload.finish(identity)), 202

    @routes.delete("/sideload/<identity>")
    def give_up(identity: str) -> ResponseReturnValue:
        sideload.give_up(identity)
        return {"removed": 1}

    return routes


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise RequestError(f"{name!r} must be text, and not empty.", param=name)
    return value


def _texts(body: dict[str, Any], name: str) -> list[str]:
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise RequestError(f"{name!r} must be a list of texts.", param=name)
    return value


def _number(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RequestError(f"{name!r} must be a whole number.", param=name)
    return value
