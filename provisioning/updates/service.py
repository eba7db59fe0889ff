"""Updates over HTTP: which models there are, and how far each is.

Whoever wants one lays a wish onto the shelf (`agent/models/wanted.py`).

Owns: the routes. Does not know: how a model is fetched (`agent/models/fetch.py`) or which are wanted (`wishes`).
"""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.typing import ResponseReturnValue

from agent.models import catalogue
from agent.models.catalogue import Catalogue, Model
from agent.models.fetch import Progress, fetch
from agent.models.shelf import Shelf
from agent.settings import Settings
from agent.wire import serve
from agent.wire.call import client
from provisioning.updates.fetching import Fetcher
from provisioning.updates.wishes import Wishes

_MAX_BODY = serve.MEGABYTE


def main(settings: Settings) -> None:
    """Serves until SIGTERM."""
    models, shelf = catalogue.load(), Shelf(settings.models_folder)
    fetcher = Fetcher(shelf, _fetch)
    wishes = Wishes(
        models,
        shelf,
        fetcher,
        brain=client(settings, "brain"),
        embedder=settings.text("recall.embedder"),
    )
    wishes.start()
    fetcher.start()
    try:
        serve.run(create_app(settings, models, shelf, fetcher), settings.text("updates.url"))
    finally:
        wishes.close()
        fetcher.close()


def create_app(settings: Settings, models: Catalogue, shelf: Shelf, fetcher: Fetcher) -> Flask:
    """The application.

    Args:
        settings: The values in force.
        models: All models.
        shelf: Where they lie.
        fetcher: Fetches them; started by the caller.
    """

    def described(model: Model) -> dict[str, Any]:
        installed = shelf.installed(model)
        progress = fetcher.progress(model)
        return {
            "name": model.name,
            "title": model.title,
            "role": model.role,
            "size": model.size,
            "installed": installed,
            "wanted": fetcher.wanted(model),
            **progress,
            **({"fetched": model.size, "error": ""} if installed else {}),
        }

    app = serve.service(
        "updates",
        settings.text("updates.url"),
        settings.secret("updates.token"),
        max_body=_MAX_BODY,
        info=lambda: {"ready": True, "state": _state([described(model) for model in models.models])},
    )

    @app.get("/models")
    def all_models() -> ResponseReturnValue:
        return {"models": [described(model) for model in models.models]}

    return app


def _state(described: list[dict[str, Any]]) -> str:
    missing = [model for model in described if model["wanted"] and not model["installed"]]
    for model in missing:
        if model["fetching"]:
            return f"{model['title']} is being fetched: {100 * model['fetched'] // model['size']} %."
    for model in missing:
        if model["error"]:
            return f"{model['title']} could not be fetched yet. {model['error']}"
    return f"{missing[0]['title']} is fetched next." if missing else "All models that are wanted are here."


def _fetch(model: Model, shelf: Shelf, progress: Progress) -> None:
    fetch(model, shelf, progress=progress)
