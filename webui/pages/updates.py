"""Updates: which models serve, which Nisse and which system run, what is new, going back, test questions, and what an owner brings. For owners.

Owns: the page, its buttons, and its traffic with the browser's script.
Does not know: what an update is made of (see `model_updates`, `system_update`), nor the settings (see `updates_form`).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from agent.errors import NisseError, NotFoundError, RequestError
from agent.message import Reply
from agent.wire.serve import json_body
from webui import system_update, updates_form
from webui.access import owner_only
from webui.house import calm
from webui.mail_form import Field
from webui.model_updates import LARGEST_PIECE, PROGRAM_WORDS, WORDS, ModelUpdates
from webui.portal import portal, visitor

NAVIGATION = {"title": "Updates", "path": "/updates", "icon": "updates", "order": 55, "owner": True}

blueprint = Blueprint("updates", __name__, url_prefix="/updates")
blueprint.before_request(owner_only)

_DONE = {
    "check": "The box asks now whether there is a new model.",
    "install": "The new model is fetched and tried. Answers go on meanwhile.",
    "decline": "This model is not offered any more.",
    "back": "The model before this one serves again in a moment.",
    "stop": "Stopped. What was fetched is kept.",
    "forgive": "It may be offered and tried once more.",
}

_DONE_OF_PROGRAM = {
    "install": "The new version is fetched and tried. The house restarts once for it; no letter is lost.",
    "decline": "This version is not offered any more.",
    "back": "The version before comes back. The house restarts for it; open this page again in a minute.",
    "stop": "Stopped. What was fetched is kept.",
    "forgive": "It may be offered and tried once more.",
}
_LONGEST_WORD = 100


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The page."""
    return _page()


@blueprint.post("/word/<word>")
def say(word: str) -> ResponseReturnValue:
    """What the owner wants: look, install, decline, go back, stop, try once more what failed."""
    if word not in WORDS:
        abort(404)
    seq, sha256 = request.form.get("seq", ""), request.form.get("sha256", "")
    body: dict[str, Any] = {"seq": int(seq)} if seq.isdigit() else {}
    body |= {"sha256": sha256} if sha256 else {}
    return _do(_DONE[word], lambda: _updates().say(word, **body))


@blueprint.post("/program/<word>")
def say_of_program(word: str) -> ResponseReturnValue:
    """What the owner wants of Nisse itself: install, decline, go back, stop, try once more what failed."""
    if word not in PROGRAM_WORDS:
        abort(404)
    given = {name: request.form.get(name, "")[:_LONGEST_WORD] for name in ("version", "sha256")}
    body = {name: value for name, value in given.items() if value}
    return _do(_DONE_OF_PROGRAM[word], lambda: _updates().say_of_program(word, **body))


@blueprint.post("/system/install")
def install_system() -> ResponseReturnValue:
    """Has a system installed that is on a stick."""
    return _do(
        "The system is being installed. The house goes on meanwhile.",
        lambda: system_update.install(request.form.get("path", "")),
    )


@blueprint.post("/settings")
def keep_settings() -> ResponseReturnValue:
    """Keeps how models are updated; the service begins anew by itself."""
    filled = updates_form.keep(portal().settings.home, request.form)
    if any(field.problem for field in filled):
        return _page(fields=filled, status=400)
    flash("Saved. It counts from now on.")
    return redirect(url_for("updates.show"), 303)


@blueprint.post("/questions")
def keep_question() -> ResponseReturnValue:
    """Keeps one's own question with its answer, as the chat shows both; asked by a script."""
    exchange = _exchange(str(json_body().get("id", "")))
    reply = Reply.from_json(exchange["reply"])
    kept = _updates().keep(
        str(exchange["message"]["text"]), reply.answer, [passage.text for passage in reply.sources]
    )
    return {"id": kept["id"], "must": kept["must"]}, 201


@blueprint.post("/questions/<question>/words")
def change_question(question: str) -> ResponseReturnValue:
    """Other words that a good answer to it holds."""
    must = [word.strip() for word in request.form.get("must", "").split(",") if word.strip()]
    found = next((one for one in _updates().questions() if one["id"] == question), None)
    if found is None:
        raise NotFoundError("There is no such test question.", hint="Open the page again.")
    return _do("Saved.", lambda: _updates().change(found, must))


@blueprint.post("/questions/<question>/remove")
def remove_question(question: str) -> ResponseReturnValue:
    """Takes a test question away."""
    return _do("The test question is gone.", lambda: _updates().remove(question))


@blueprint.post("/bad-answer")
def bad_answer() -> ResponseReturnValue:
    """An answer was bad; asked by a script."""
    _updates().bad_answer()
    return {}


@blueprint.post("/files")
def begin_file() -> ResponseReturnValue:
    """Makes ready for a file; asked by a script, like the next two."""
    body = json_body()
    name, size = body.get("name"), body.get("size")
    if not isinstance(name, str) or isinstance(size, bool) or not isinstance(size, int):
        raise RequestError("A file has a name and a size.")
    return _updates().begin(name, size), 201


@blueprint.post("/files/<file>")
def append_file(file: str) -> ResponseReturnValue:
    """Adds a piece, the body of the request, at `?offset=`."""
    offset = request.args.get("offset", "")
    if not offset.isdigit():
        raise RequestError("Where the piece belongs is missing.", param="offset")
    return _updates().append(file, int(offset), request.stream.read(LARGEST_PIECE + 1))


@blueprint.post("/files/<file>/finish")
def finish_file(file: str) -> ResponseReturnValue:
    """The file is complete; by the script, or by the button "try again"."""
    if request.is_json:
        return _updates().finish(file), 202
    return _do("The file is looked into again.", lambda: _updates().finish(file))


@blueprint.post("/files/<file>/give-up")
def give_up_file(file: str) -> ResponseReturnValue:
    """Takes away what has come of a file."""
    return _do("The file is gone from the box.", lambda: _updates().give_up(file))


@blueprint.post("/stick")
def take() -> ResponseReturnValue:
    """Takes a file from a stick."""
    return _do(
        "The file is copied; leave the stick where it is.",
        lambda: _updates().take(request.form.get("path", "")),
    )


def _do(word: str, work: Any) -> ResponseReturnValue:
    try:
        work()
    except NisseError as refused:
        return _page(" ".join(calm(refused)), status=refused.status)
    flash(word)
    return redirect(url_for("updates.show"), 303)


def _page(problem: str = "", *, fields: list[Field] | None = None, status: int = 200) -> ResponseReturnValue:
    state: dict[str, Any] = {}
    try:
        state = _updates().state()
    except NisseError as away:
        problem = problem or " ".join(calm(away))
    return render_template(
        "updates.html",
        problem=problem,
        state=state,
        program=_updates().program(),
        system=system_update.state(),
        files=_updates().files(),
        questions=_updates().questions(),
        fields=fields or updates_form.fields(portal().settings.home),
        piece=LARGEST_PIECE,
    ), status


def _exchange(message_id: str) -> dict[str, Any]:
    """One's own exchange with its answer."""
    for exchange in portal().house.exchanges(visitor().person):
        if exchange["message"]["id"] == message_id and exchange["reply"]:
            return exchange
    raise NotFoundError("There is no such answer of yours any more.", hint="Ask again, then keep it.")


def _updates() -> ModelUpdates:
    return ModelUpdates(portal().house.clients["updates"])
