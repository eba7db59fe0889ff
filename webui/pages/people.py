"""People: who belongs to the household. For owners.

Owns: the page.
Does not know: how people are kept; conversation does.
"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from agent.errors import NisseError, RequestError
from webui.access import owner_only
from webui.house import calm
from webui.portal import portal, visitor

NAVIGATION = {"title": "People", "path": "/people", "icon": "people", "order": 40, "owner": True}

blueprint = Blueprint("people", __name__, url_prefix="/people")
blueprint.before_request(owner_only)


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Everybody."""
    return _page()


@blueprint.post("")
def add() -> ResponseReturnValue:
    """Adds a member, who can write to the house at once, and log in if a password was given."""
    name, address = (request.form.get(key, "").strip() for key in ("name", "address"))
    password = request.form.get("password", "")
    body = {"name": name, "role": "member", "addresses": [["mail", address]]}
    try:
        if not address:
            raise RequestError("A mail address is needed.", hint="It looks like anna@example.org.")
        portal().house.conversation.post("/people", body | ({"password": password} if password else {}))
    except NisseError as refused:
        return _page(" ".join(calm(refused)), refused.status)
    flash(f"{name} belongs to the household now.")
    return redirect(url_for("people.show"), 303)


@blueprint.post("/<person_id>/password")
def set_password(person_id: str) -> ResponseReturnValue:
    """Gives a member a password, or a new one; who is logged in as them must log in again."""
    try:
        portal().house.conversation.post(
            f"/people/{_known(person_id)}/password", {"password": request.form.get("password", "")}
        )
    except NisseError as refused:
        return _page(" ".join(calm(refused)), refused.status)
    if person_id != visitor().person:
        portal().sessions.end_all(person_id)
    flash("The password is changed.")
    return redirect(url_for("people.show"), 303)


@blueprint.post("/<person_id>/remove")
def remove(person_id: str) -> ResponseReturnValue:
    """Takes somebody out of the household; their sessions are over."""
    try:
        portal().house.conversation.delete(f"/people/{_known(person_id)}")
    except NisseError as refused:
        return _page(" ".join(calm(refused)), refused.status)
    portal().sessions.end_all(person_id)
    portal().house.is_member(person_id, newest=True)
    flash("Done. Nobody can log in or write as this person any more.")
    return redirect(url_for("people.show"), 303)


def _known(person_id: str) -> str:
    """The id, if it is one: a path made of anything else would be another request."""
    if not person_id.isalnum():
        raise RequestError("There is no such person.", hint="Open the page again.")
    return person_id


def _page(problem: str = "", status: int = 200) -> ResponseReturnValue:
    people, away = [], ""
    try:
        people = portal().house.people()
    except NisseError as failed:
        away = " ".join(calm(failed))
    kept = {key: request.form.get(key, "") for key in ("name", "address")}
    return render_template("people.html", people=people, problem=problem or away, kept=kept), status
