"""The portal: the house's face in the browser.

Owns: putting the application together: the parts, the guard, the faults, and one blueprint for each file in `webui/pages/`.
Does not know: any page. A page's file has a `blueprint`, and where it stands in the navigation as a literal `NAVIGATION`.
"""

from __future__ import annotations

import importlib.metadata
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from jinja2 import ChoiceLoader, FileSystemLoader

from agent import registry
from agent.settings import Settings
from agent.wire.serve import MEGABYTE
from webui import faults, guard, layout
from webui.portal import furnish, install

PAGES = "webui.pages"
_FORM_GROWTH = MEGABYTE  # what a form weighs beside its file
_MOST_FIELDS_BYTES = 100_000


def create_app(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    ticks: Callable[[], float] = time.monotonic,
) -> Flask:
    """The portal as a Flask application.

    Args:
        settings: The values in force.
        clock: Seconds since 1970, by which sessions end.
        ticks: Seconds on a clock that only goes forward, by which pauses pass.
    """
    app = Flask("webui", root_path=str(Path(__file__).parent))
    app.config["MAX_CONTENT_LENGTH"] = settings.number("recall.max_document") * MEGABYTE + _FORM_GROWTH
    app.config.update(SESSION_COOKIE_NAME="nisse_notice", SESSION_COOKIE_SAMESITE="Strict")
    app.secret_key = secrets.token_bytes(
        32
    )  # signs notices such as "Saved." only; who is who is in webui.session
    app.config["MAX_FORM_MEMORY_SIZE"] = _MOST_FIELDS_BYTES
    app.jinja_loader = ChoiceLoader(
        [FileSystemLoader(Path(__file__).parent / folder) for folder in ("templates", "help")]
    )
    install(app.extensions, furnish(settings, clock, ticks))
    guard.stand(app)
    faults.answer(app)
    layout.provide(app)
    for name in registry.names(PAGES):
        app.register_blueprint(registry.load(PAGES, name).blueprint)
    version = importlib.metadata.version("nisse")  # of this very program: how a trial knows who answers
    app.add_url_rule("/healthz", "healthz", lambda: {"service": "portal", "ready": True, "version": version})
    return app
