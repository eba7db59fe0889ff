"""Errors as people meet them: a page, or JSON for a script, each with a sentence and what to do.

Owns: turning every error of the application into an answer.
Does not know: who raised it.
"""

from __future__ import annotations

import logging

from flask import Flask, g, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from agent import logs
from agent.errors import NisseError
from agent.wire.serve import MEGABYTE
from webui.guard import wants_json
from webui.house import calm

_log = logging.getLogger(__name__)

_HTTP = {
    400: ("The browser sent something that the house cannot read.", "Open the page again and repeat it."),
    404: ("There is no such page.", "The pages that there are stand in the menu."),
    405: ("This page is not used that way.", "Open it from the menu."),
    413: ("That is too large.", "Choose a smaller file, or split it."),
}


def answer(app: Flask) -> None:
    """Installs the handlers."""

    @app.errorhandler(NisseError)
    def ours(error: NisseError) -> ResponseReturnValue:
        if error.status >= 500:
            logs.event(_log, "page.failed", level=logging.WARNING, route=request.path, error=error)
        return _say(error.status, *calm(error))

    @app.errorhandler(HTTPException)
    def flasks(error: HTTPException) -> ResponseReturnValue:
        status = error.code or 500
        message, hint = _HTTP.get(status, (error.description or error.name, "Open the page again."))
        if status == 413:
            megabytes = int(app.config["MAX_CONTENT_LENGTH"]) // MEGABYTE - 1
            message = f"That is larger than {megabytes} MB."
        return _say(status, message, hint)

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> ResponseReturnValue:
        _log.error("page.broke route=%s", request.path, exc_info=error)
        return _say(
            500, "Something went wrong inside.", "Try again; if it stays so, the box's log says what it was."
        )


def _say(status: int, message: str, hint: str) -> ResponseReturnValue:
    if wants_json():
        return {"error": {"message": message, "hint": hint}}, status
    g.setdefault("visitor", None)
    return render_template("fault.html", message=message, hint=hint, status=status), status
