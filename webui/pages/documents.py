"""Documents: what the house was taught, and teaching it more.

Owns: the page, who may add and take away what, and the limit on size.
Does not know: formats; recall reads them.
"""

from __future__ import annotations

import base64
import mimetypes
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from agent.errors import ForbiddenError, NisseError, NotFoundError, RequestError, TooLargeError
from agent.wire.serve import MEGABYTE
from webui.house import calm
from webui.portal import portal, visitor
from webui.session import Session

NAVIGATION = {"title": "Documents", "path": "/documents", "icon": "documents", "order": 20}
HOUSE = "house"
LONGEST_NAME = 200  # characters

blueprint = Blueprint("documents", __name__, url_prefix="/documents")
mimetypes.add_type("text/markdown", ".md")
mimetypes.add_type("text/markdown", ".markdown")


@blueprint.get("")
def show() -> str:
    """What there is, newest first where recall says when."""
    problem, found = "", []
    try:
        found = portal().house.documents(visitor().person)
    except NisseError as away:
        problem = " ".join(calm(away))
    documents = [{**document, "removable": _may_remove(document, visitor())} for document in found]
    largest = portal().settings.number("recall.max_document")
    return render_template("documents.html", documents=documents, problem=problem, largest=largest)


@blueprint.post("")
def add() -> ResponseReturnValue:
    """Takes one file; answers a script with what became of it."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise RequestError("No file came along.", hint="Choose a file first.")
    house_too = request.form.get("audience") == HOUSE
    learned = portal().house.learn(
        {
            "name": file.filename.replace("\\", "/").rsplit("/", 1)[-1][:LONGEST_NAME],
            "media_type": _media_type(file),
            "data": _base64(file),
            "audience": HOUSE if house_too else visitor().person,
            "source": {"channel": "portal", "person": visitor().person},
        }
    )
    return {key: learned.get(key) for key in ("id", "name", "pages", "passages", "already")}, 201


@blueprint.post("/<document_id>/remove")
def remove(document_id: str) -> ResponseReturnValue:
    """Takes a document away for good."""
    visible = {document["id"]: document for document in portal().house.documents(visitor().person)}
    if document_id not in visible:
        raise NotFoundError("There is no such document.", hint="Perhaps it is gone already.")
    if not _may_remove(visible[document_id], visitor()):
        raise ForbiddenError(
            "This document belongs to the house.", hint="An owner of the house can take it away."
        )
    portal().house.forget(document_id)
    flash(f"“{visible[document_id]['name']}” is gone.")
    return redirect(url_for("documents.show"), 303)


def _may_remove(document: dict[str, Any], session: Session) -> bool:
    source = document.get("source") or {}
    mine = session.person in (document.get("audience"), source.get("person"))
    return mine or session.is_owner


def _media_type(file: FileStorage) -> str:
    if file.mimetype and file.mimetype != "application/octet-stream":
        return file.mimetype
    return mimetypes.guess_type(file.filename or "")[0] or "application/octet-stream"


def _base64(file: FileStorage) -> str:
    largest = portal().settings.number("recall.max_document")
    data = file.stream.read(largest * MEGABYTE + 1)
    if len(data) > largest * MEGABYTE:
        raise TooLargeError(
            f"That is larger than {largest} MB.", hint="Split it, or save it with smaller pictures."
        )
    if not data:
        raise RequestError("The file is empty.", hint="Choose another one.")
    return base64.b64encode(data).decode("ascii")
