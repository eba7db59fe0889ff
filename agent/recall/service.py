"""Recall over HTTP: the only file here that knows routes.

Owns: the routes, their limits, and putting the room's parts together.
Does not know: how a document is read or a passage found; the README says in which order to read.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, request
from flask.typing import ResponseReturnValue

from agent.errors import RequestError, SettingsError, TooLargeError
from agent.models import catalogue, recorded
from agent.models.shelf import Shelf
from agent.recall import reading
from agent.recall.choice import Choice
from agent.recall.library import Library
from agent.recall.memory import Memory
from agent.recall.pages import clean
from agent.recall.pending import Pending
from agent.recall.preparing import Preparing
from agent.recall.schema import open_store
from agent.recall.search import Search
from agent.settings import Settings, table
from agent.store import Store
from agent.wire import serve

_LONGEST_NAME = 300  # characters, of names, ids and media types
_LONGEST_MEMORY = 200_000  # characters
_LONGEST_SOURCE = 20  # entries
_DEFAULT_LIMIT = 4


@dataclass(frozen=True, kw_only=True)
class Room:
    """The parts of this service, put together."""

    store: Store
    library: Library
    memory: Memory
    search: Search
    choice: Choice
    pending: Pending
    preparing: Preparing

    def wake(self) -> None:
        """There is something new to embed."""
        self.pending.wake()
        self.preparing.wake()


def main(settings: Settings) -> None:
    """Serves until SIGTERM."""
    room = furnish(settings)
    room.pending.start()
    room.preparing.start()
    try:
        serve.run(create_app(settings, room), settings.text("recall.url"))
    finally:
        room.preparing.stop()
        room.pending.stop()
        room.store.close()


def furnish(settings: Settings) -> Room:
    """Opens the database and puts the parts together; no thread runs yet.

    Raises:
        NotFoundError: The catalogue has no such embedder.
        StorageError: The database does not open.
    """
    named = settings.text("recall.embedder")
    model, shelf = catalogue.load().find(named), Shelf(settings.models_folder)
    store = open_store(settings.home / "recall.db")
    # Who named another embedder than the house comes with is obeyed.
    choice = Choice(store, shelf, model, obeys_sets=named == table()["recall.embedder"].default)
    return Room(
        store=store,
        library=Library(store, lambda: choice.present().name),
        memory=Memory(store),
        search=Search(store, choice),
        choice=choice,
        pending=Pending(store, choice),
        preparing=Preparing(store, shelf, choice),
    )


def create_app(settings: Settings, room: Room) -> Flask:
    """The service as a Flask application."""
    largest = settings.number("recall.max_document")
    app = serve.service(
        "recall",
        settings.text("recall.url"),
        settings.secret("recall.token"),
        max_body=largest * serve.MEGABYTE * 4 // 3
        + serve.MEGABYTE,  # base64 makes four letters of three bytes
        info=lambda: _info(room),
    )
    app.register_blueprint(_documents(room, largest))
    app.register_blueprint(_texts(largest))
    app.register_blueprint(_memories(room))
    app.register_blueprint(_search(room))
    app.register_blueprint(_indexes(room))
    return app


def _info(room: Room) -> dict[str, Any]:
    embedding, waiting = room.choice.present(), room.pending.count()
    loaded = embedding.dimensions is not None
    state = "ready" if loaded else "finds by words only, until the embedding model is there"
    if loaded and waiting:
        state = f"{waiting} passages are found by words only, until they are embedded"
    return {
        "ready": True,
        "state": embedding.problem or state,
        "embedder": embedding.name,
        "embedding": loaded,
        "pending": waiting,
    }


def _documents(room: Room, largest: int) -> Blueprint:
    routes = Blueprint("documents", __name__)

    @routes.post("/documents")
    def add() -> ResponseReturnValue:
        body = serve.json_body()
        source = body.get("source", {})
        if not isinstance(source, dict) or len(source) > _LONGEST_SOURCE:
            raise RequestError("'source' must be a small object.", param="source")
        document, already = room.library.add(
            _text(body, "name"),
            str(body.get("media_type", ""))[:_LONGEST_NAME],
            _data(body, largest),
            audience=_text(body, "audience"),
            source=source,
        )
        room.wake()
        return {**dataclasses.asdict(document), "already": already}, 201

    @routes.get("/documents")
    def listing() -> ResponseReturnValue:
        found = room.library.listed(_argument("person"))
        return {"documents": [dataclasses.asdict(document) for document in found]}

    @routes.delete("/documents/<identity>")
    def remove(identity: str) -> ResponseReturnValue:
        room.library.remove(identity, person=request.args.get("person", ""))
        return {"removed": 1}

    return routes


def _texts(largest: int) -> Blueprint:
    routes = Blueprint("texts", __name__)

    @routes.post("/texts")
    def extract() -> ResponseReturnValue:
        """The text of a document, which is not kept: for a file that somebody sent with a question."""
        body = serve.json_body()
        first = _whole_number(body, "first", _LONGEST_MEMORY)
        pages = reading.read(
            _text(body, "name"), str(body.get("media_type", ""))[:_LONGEST_NAME], _data(body, largest)
        )
        text = "\n".join(page.text for page in pages)
        return {"text": text[: min(first, _LONGEST_MEMORY)], "characters": len(text)}

    return routes


def _memories(room: Room) -> Blueprint:
    routes = Blueprint("memories", __name__)

    @routes.post("/memories")
    def keep() -> ResponseReturnValue:
        body = serve.json_body()
        at = body.get("at")
        if isinstance(at, bool) or not isinstance(at, int | float):
            raise RequestError("'at' must be a time in seconds since 1970.", param="at")
        identity, already = room.memory.keep(
            _text(body, "person"),
            _text(body, "text", longest=_LONGEST_MEMORY),
            message_id=_text(body, "message_id"),
            at=float(at),
        )
        room.wake()
        return {"id": identity, "already": already}, 201

    @routes.delete("/memories")
    def forget() -> ResponseReturnValue:
        return {"removed": room.memory.forget(_argument("person"))}

    return routes


def _search(room: Room) -> Blueprint:
    routes = Blueprint("search", __name__)

    @routes.post("/search")
    def search() -> ResponseReturnValue:
        body = serve.json_body()
        query, limit = body.get("query"), _whole_number(body, "limit", _DEFAULT_LIMIT)
        if not isinstance(query, str):
            raise RequestError("'query' must be text.", param="query")
        found = room.search.find(clean(query), person=_text(body, "person"), limit=limit)
        return {"passages": [passage.to_json() for passage in found]}

    return routes


def _indexes(room: Room) -> Blueprint:
    routes = Blueprint("indexes", __name__)

    @routes.get("/index")
    def listing() -> ResponseReturnValue:
        return {"indexes": [dataclasses.asdict(index) for index in room.preparing.progress()]}

    @routes.post("/index")
    def prepare() -> ResponseReturnValue:
        """Has a second index made, in the background, for an embedder that may take over."""
        body = serve.json_body()
        try:
            model = recorded.from_json(body.get("embedder"))
        except SettingsError as wrong:
            raise RequestError(wrong.message, param="embedder") from wrong
        room.preparing.ask(model, again=body.get("again") is True)
        return {"indexes": [dataclasses.asdict(index) for index in room.preparing.progress()]}, 202

    @routes.delete("/index/<name>")
    def drop(name: str) -> ResponseReturnValue:
        room.preparing.drop(name)
        return {"removed": 1}

    return routes


def _text(body: dict[str, Any], name: str, *, longest: int = _LONGEST_NAME) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise RequestError(f"{name!r} must be text, and not empty.", param=name)
    if len(value) > longest:
        raise TooLargeError(f"{name!r} is longer than {longest:,} characters.", param=name)
    return clean(value)


def _whole_number(body: dict[str, Any], name: str, default: int) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RequestError(f"{name!r} must be a whole number.", param=name)
    return value


def _argument(name: str) -> str:
    return _text(dict(request.args), name)


def _data(body: dict[str, Any], largest: int) -> bytes:
    try:
        data = base64.b64decode(_text(body, "data", longest=len(str(body.get("data", "")))), validate=True)
    except (binascii.Error, ValueError) as wrong:
        raise RequestError("'data' must be base64.", param="data") from wrong
    if len(data) > largest * serve.MEGABYTE:
        raise TooLargeError(
            f"The document is larger than {largest} MB.",
            hint="Send it in parts, or raise recall.max_document.",
        )
    return data
