"""Messages: what became of each mail, and for owners who wrote that nobody here knows.

Owns: the page and its buttons.
Does not know: why anything was decided (conversation), nor the sentences (see `timeline`).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from agent.errors import NisseError, RequestError
from webui import timeline
from webui.access import owner_only
from webui.house import calm
from webui.portal import portal, visitor

NAVIGATION = {"title": "Messages", "path": "/messages", "icon": "messages", "order": 35}

blueprint = Blueprint("messages", __name__, url_prefix="/messages")
_SHOWN = 50
_LONGEST_NAME = 80


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The newest messages; `?before=` goes back."""
    return _page()


@blueprint.post("/<message_id>/answer")
def answer(message_id: str) -> ResponseReturnValue:
    """Has a message answered that was held: one's own, or for owners anybody's."""
    person = visitor().person
    if not message_id.isalnum():
        raise RequestError("There is no such message.", hint="Open the page again.")
    try:
        rows = _rows(before=_moment(request.form.get("at", "")))
        if message_id not in {row["id"] for row in rows}:
            raise RequestError("There is no such message here.", hint="Open the page again.")
        portal().house.conversation.post(f"/messages/{message_id}/answer", {"person": person})
    except NisseError as refused:
        return _page(" ".join(calm(refused)), refused.status)
    flash("It will be answered now.")
    return redirect(url_for("messages.show"), 303)


@blueprint.post("/let-in")
def let_in() -> ResponseReturnValue:
    """Makes a stranger a member of the household."""
    owner_only()
    name, address = (request.form.get(key, "").strip() for key in ("name", "address"))
    body = {"name": name[:_LONGEST_NAME], "role": "member", "addresses": [["mail", address]]}
    try:
        portal().house.conversation.post("/people", body)
    except NisseError as refused:
        return _page(" ".join(calm(refused)), refused.status)
    flash(f"{name} belongs to the household now. What was written before stays unanswered: ask for it again.")
    return redirect(url_for("messages.show"), 303)


@blueprint.post("/ignore")
def ignore() -> ResponseReturnValue:
    """Shows a stranger no more."""
    return _told("/strangers/ignore", "This sender is not shown any more.")


@blueprint.post("/forgive")
def forgive() -> ResponseReturnValue:
    """Lets the house write to an address again from which answers came back."""
    return _told("/addresses/forgive", "The house writes to this address again.")


@blueprint.post("/resume")
def resume() -> ResponseReturnValue:
    """Ends a halt."""
    return _told("/halt/end", "Mail is answered again.")


def _told(route: str, done: str) -> ResponseReturnValue:
    owner_only()
    try:
        portal().house.conversation.post(route, {"address": request.form.get("address", "")})
    except NisseError as refused:
        return _page(" ".join(calm(refused)), refused.status)
    flash(done)
    return redirect(url_for("messages.show"), 303)


def _page(problem: str = "", status: int = 200) -> ResponseReturnValue:
    found: dict[str, Any] = {"messages": [], "halted_until": 0, "silenced": [], "storms": [], "strangers": []}
    try:
        found = portal().house.timeline(
            visitor().person, everybody=visitor().is_owner, before=_moment(request.args.get("before", ""))
        )
    except NisseError as away:
        problem = problem or " ".join(calm(away))
    rows = [timeline.shown(row, visitor().person) for row in found["messages"]]
    for stranger in found["strangers"]:
        stranger["sureness"] = timeline.sureness(stranger["level"], "", stranger["sender"])
    page = render_template(
        "messages.html",
        messages=rows,
        older=rows[-1].at if len(rows) == _SHOWN else 0,
        problem=problem,
        **{name: found[name] for name in ("halted_until", "silenced", "storms", "strangers")},
    )
    return page, status


def _rows(before: float) -> list[dict[str, Any]]:
    """The messages about that moment, as far as this visitor may see them."""
    everybody = visitor().is_owner
    found = portal().house.timeline(visitor().person, everybody=everybody, before=before + 1 if before else 0)
    return list(found["messages"])


def _moment(given: str) -> float:
    try:
        return max(0.0, float(given)) if given else 0.0
    except ValueError:
        return 0.0
