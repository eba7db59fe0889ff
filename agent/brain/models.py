"""`/v1/models`: which models there are, how far each is, asking for one to be fetched, and taking one off the shelf.

Owns: the routes, and OpenAI's form of a model with our columns beside it.
Does not know: who fetches. The brain calls nobody: it lays a wish onto the shelf, and the updates service looks there.
"""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Flask, Response, g, request, stream_with_context
from flask.typing import ResponseReturnValue

from agent.errors import ConflictError, ForbiddenError, NotFoundError, RequestError, UnavailableError
from agent.models import wanted
from agent.models.catalogue import Catalogue, Model
from agent.models.room import demand_room
from agent.models.shelf import Shelf
from agent.models.wanted import Progress
from agent.wire import serve

_LOOK_S = 0.5  # between looks at a model that is being fetched
_HEARTBEAT_S = 5.0
_STREAMS = 4  # that tell of progress at once; each holds one of the server's threads


class Models:
    """The catalogue's models, and what this house does with each."""

    def __init__(
        self,
        catalogue: Callable[[], Catalogue],
        shelf: Shelf,
        *,
        served: Callable[[], str | None],
        kept: Callable[[], Mapping[str, str]],
        elsewhere: Callable[[], dict[str, Any] | None] = lambda: None,
    ) -> None:
        """Looks at nothing yet.

        Args:
            catalogue: All models there are now.
            shelf: Where they lie.
            served: The name of the model that answers now, if one does.
            kept: Names of models that must stay, each with a sentence that says why.
            elsewhere: The line of a model on another machine that answers here, if one does.
        """
        self._now = catalogue
        self._shelf = shelf
        self._served = served
        self._kept = kept
        self._elsewhere = elsewhere

    def listed(self) -> list[dict[str, Any]]:
        """All of them: one on another machine first, then those that chat, the one that needs most memory foremost."""
        there = self._elsewhere()
        models = [model for role in ("chat", "embed") for model in self._now().of_role(role)]
        return [*([there] if there else []), *map(self._described, models)]

    def one(self, name: str) -> dict[str, Any]:
        """One of them.

        Raises:
            NotFoundError: There is none of this name.
        """
        there = self._elsewhere()
        return there if there and there["id"] == name else self._described(self._now().find(name))

    def wish(self, name: str) -> Model:
        """Asks for one to be fetched; once more is harmless.

        Raises:
            NotFoundError: There is none of this name.
            ConflictError: It came as an update, which is fetched otherwise.
            StorageError: It does not find room on the disk.
        """
        model = self._now().find(name)
        if not self._shelf.installed(model):
            if not all(file.sources for file in model.files):
                raise ConflictError(
                    f"{model.title} came as an update.",
                    hint="The page Updates has it fetched.",
                    param="model",
                )
            demand_room(model, self._shelf)
            wanted.wish(model, self._shelf)
        return model

    def progress(self, model: Model) -> Progress:
        """How far it is."""
        return wanted.progress(model, self._shelf)

    def remove(self, name: str) -> None:
        """Takes one off the shelf, or calls off that it is fetched.

        Raises:
            NotFoundError: There is none of this name, or nothing of it is here.
            ConflictError: It must stay; or its fetching does not end soon enough.
        """
        model = self._now().find(name)
        if name in self._kept():
            raise ConflictError(f"{model.title} must stay. {self._kept()[name]}", param="model")
        progress = self.progress(model)
        if progress.state == "available" and not progress.done:
            raise NotFoundError(f"{model.title} is not on the shelf.", param="model")
        wanted.withdraw(model, self._shelf)
        self._shelf.remove(model)

    def _described(self, model: Model) -> dict[str, Any]:
        progress = self.progress(model)
        return {
            "id": model.name,
            "object": "model",
            "created": 0,
            "owned_by": "nisse",
            "role": model.role,
            "title": model.title,
            "licence": model.licence,
            "size": model.size,
            "memory": model.memory,
            "context": model.context,
            "quantisation": model.quantisation,
            "parameters": model.parameters,
            "installed": progress.state == "installed",
            "served": self._served() == model.name,
            "progress": dataclasses.asdict(progress),
        }


def add_routes(app: Flask, models: Models) -> None:
    """Adds the calls to an application."""
    streams = threading.BoundedSemaphore(_STREAMS)

    @app.get("/v1/models")
    def listed() -> ResponseReturnValue:
        return {"object": "list", "data": models.listed()}

    @app.get("/v1/models/<path:name>")
    def one(name: str) -> ResponseReturnValue:
        return models.one(name)

    @app.post("/v1/models/<path:name>/fetch")
    def fetch(name: str) -> ResponseReturnValue:
        streaming = _wants_stream()
        model = models.wish(name)
        if not streaming:
            row = models.one(name)
            return row, 200 if row["installed"] else 202
        if not streams.acquire(blocking=False):
            raise UnavailableError(
                f"{_STREAMS} clients are being told of progress already; it is fetched all the same.",
                hint=f"Ask GET /v1/models/{name} now and then.",
                retry_after=5,
            )
        answer = Response(
            stream_with_context(_events(models, model, serve.hung_up)), content_type="text/event-stream"
        )
        answer.headers["Cache-Control"] = "no-store"
        answer.call_on_close(streams.release)
        return answer

    @app.delete("/v1/models/<path:name>")
    def remove(name: str) -> ResponseReturnValue:
        if g.get("key_name"):
            raise ForbiddenError("An API key asks questions; it takes nothing off the shelf.")
        models.remove(name)
        return {"id": name, "object": "model", "deleted": True}


def _events(models: Models, model: Model, gone: Callable[[], bool]) -> Iterator[str]:
    """Progress as it is made, until the model is there, has failed, or is wanted no more."""
    told: Progress | None = None
    spoken = time.monotonic()
    while not gone():
        progress = models.progress(model)
        if progress != told:
            yield _event({"id": model.name, "object": "model.progress", **dataclasses.asdict(progress)})
            told, spoken = progress, time.monotonic()
        elif time.monotonic() - spoken > _HEARTBEAT_S:
            yield ": still waiting\n\n"
            spoken = time.monotonic()
        if progress.state in ("installed", "failed", "available"):
            yield "data: [DONE]\n\n"
            return
        time.sleep(_LOOK_S)


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body, ensure_ascii=False, separators=(',', ':'))}\n\n"


def _wants_stream() -> bool:
    if not request.data:
        return False  # a bare POST will do
    stream = serve.json_body().get("stream", False)
    if not isinstance(stream, bool):
        raise RequestError("stream must be true or false.", param="stream")
    return stream
