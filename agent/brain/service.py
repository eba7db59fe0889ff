"""The brain over HTTP: which routes there are, who may use them, and what it says of itself.

Owns: putting the brain's parts together, `/info`, and the API keys' routes.
Does not know: how a question is answered (`answering`), nor which model answers (`loading`).
"""

from __future__ import annotations

import dataclasses
import threading
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import prometheus_client
from flask import Flask, g, request
from flask.typing import ResponseReturnValue

from agent.brain import Queue, advice, answering, beginning, embeddings, heap, models, trial
from agent.brain.dialect import fields
from agent.brain.embedder import Embedder
from agent.brain.keys import PREFIX, Keys
from agent.brain.loading import Loader
from agent.brain.models import Models
from agent.brain.trial import Trials
from agent.errors import ForbiddenError, ModelError
from agent.settings import Settings, table
from agent.wire import serve

if TYPE_CHECKING:  # loaded if the owner named a server
    from agent.brain.elsewhere import Elsewhere

_PROCESS = uuid.uuid4().hex  # tells those who watch over it that it is still the same
_MAX_BODY = 8 * serve.MEGABYTE

_waiting = prometheus_client.Gauge("nisse_brain_waiting", "Questions of which nothing is computed yet")
_working = prometheus_client.Gauge("nisse_brain_working", "Answers that have begun")


def main(settings: Settings) -> None:
    """Serves until SIGTERM."""
    loader = beginning.loader(settings)
    there = _elsewhere(settings, loader)
    heap.keep_small(lambda: _queue(loader).working > 0)
    loader.start()
    leaving = threading.Event()
    ending = threading.Thread(target=_end, args=(leaving, loader, there), name="ending")
    ending.start()
    try:
        serve.run(create_app(settings, loader, there), settings.text("brain.url"), leaving=leaving.set)
    finally:
        leaving.set()
        ending.join()


def _elsewhere(settings: Settings, loader: Loader) -> Elsewhere | None:
    if not settings.text("brain.remote").strip():
        return None
    from agent.brain import elsewhere  # noqa: PLC0415 - asks by httpx and asyncio, which nobody else here needs

    return elsewhere.for_house(settings, loader)


def _end(leaving: threading.Event, loader: Loader, there: Elsewhere | None) -> None:
    """Ends the answers before the server: it waits for them, and conversations have yet to be kept."""
    leaving.wait()
    if there:
        there.close()
    loader.close()


def create_app(settings: Settings, loader: Loader, there: Elsewhere | None = None) -> Flask:
    """The application.

    Args:
        settings: The values in force.
        loader: Brings the model; started by the caller.
        there: The server that goes before it, if the owner named one.
    """
    keys = Keys(settings.home / "brain.db")
    app = serve.service(
        "brain",
        settings.text("brain.url"),
        settings.secret("brain.token"),
        max_body=_MAX_BODY,
        info=lambda: _info(loader) | (there.info() if there else {}),
        admits=_doorman(keys, open_to_all=not settings.secret("brain.token")),
    )
    _waiting.set_function(lambda: _queue(loader).waiting)
    _working.set_function(lambda: _queue(loader).working)
    answering.add_routes(app, loader)
    advice.add_routes(app, loader)
    trial.add_routes(app, Trials(loader))
    models.add_routes(app, _models(settings, loader, there))
    embeddings.add_routes(app, _embedder(settings, loader))
    _add_key_routes(app, keys)
    return app


def _doorman(keys: Keys, *, open_to_all: bool) -> Callable[[str], bool]:
    """Says whether who shows this may come in."""

    def admits(shown: str) -> bool:
        name = keys.holder(shown)
        if not name:
            # Most clients insist on sending a key; where none is needed, only what claims to be one of ours must be one.
            return open_to_all and not shown.startswith(PREFIX)
        if not request.path.startswith("/v1/"):
            raise ForbiddenError("An API key opens /v1 and nothing else.")
        g.key_name = name
        return True

    return admits


def _models(settings: Settings, loader: Loader, there: Elsewhere | None) -> Models:
    def kept() -> dict[str, str]:
        own, wanted = loader.own, loader.wanted
        used = [model.name for model in (own.model if own else None, wanted) if model]
        reasons = dict.fromkeys(
            loader.supply.in_sets(), "It is in use, or an update may be taken back to it."
        )
        reasons |= dict.fromkeys(used, "The brain answers with it, or will.")
        return reasons | {settings.text("recall.embedder"): "Recall finds documents with it."}

    return Models(
        lambda: loader.supply.catalogue,
        loader.shelf,
        served=lambda: loader.info()["model"],
        kept=kept,
        elsewhere=there.row if there else lambda: None,
    )


def _embedder(settings: Settings, loader: Loader) -> Embedder | None:
    name = settings.text("recall.embedder")
    if not name:
        return None
    # Whom the owner named goes before whom an update brought, as in recall.
    by_owner = name != table()["recall.embedder"].default
    follow = (lambda: None) if by_owner else (lambda: loader.supply.embedder)
    return Embedder(loader.shelf, loader.supply.catalogue.find(name), follow=follow)


def _info(loader: Loader) -> dict[str, Any]:
    facts = loader.info() | {
        "queue": dataclasses.asdict(_queue(loader)),
        "answered": answering.given(),
        "process": _PROCESS,
    }
    try:
        with loader.lease(patience=0) as loaded:
            return facts | {"engine": loaded.runtime.info()}
    except ModelError:
        return facts


def _queue(loader: Loader) -> Queue:
    try:
        with loader.lease(patience=0) as loaded:
            return loaded.runtime.queue()
    except ModelError:
        return Queue()


def _add_key_routes(app: Flask, keys: Keys) -> None:
    @app.get("/keys")
    def every_key() -> ResponseReturnValue:
        return {"keys": [dataclasses.asdict(key) for key in keys.everything()]}

    @app.post("/keys")
    def new_key() -> ResponseReturnValue:
        name = fields.text(serve.json_body(), "name")
        return {"name": name.strip(), "key": keys.new(name)}, 201, {"Cache-Control": "no-store"}

    @app.delete("/keys/<name>")
    def revoke_key(name: str) -> ResponseReturnValue:
        keys.revoke(name)
        return "", 204
