"""Logging in and out, and a new password for an owner who lost it and stands before the box.

Owns: the forms, and where they lead.
Does not know: passwords; conversation verifies them.
"""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from agent.errors import AuthenticationError, NisseError, RequestError
from agent.message import Person
from webui import box, session
from webui.house import calm
from webui.layout import navigation, waiting_time
from webui.portal import become, portal, visitor

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
def show() -> ResponseReturnValue:
    """The form, for those who are not logged in."""
    if visitor().person:
        return redirect("/", 303)
    return _page()


@blueprint.post("/login")
def enter() -> ResponseReturnValue:
    """Lets somebody in who knows their password."""
    from_address, now, throttle = request.remote_addr or "", portal().ticks(), portal().password_throttle
    wait = throttle.wait(from_address, now)
    if wait:
        return _page(f"Too many wrong passwords. Please wait {waiting_time(wait)}, then try again.", 429)
    try:
        person = portal().house.verify(request.form.get("address", ""), request.form.get("password", ""))
    except NisseError as refused:
        if isinstance(refused, AuthenticationError):
            throttle.failed(from_address, now)
        return _page(" ".join(calm(refused)), refused.status)
    throttle.succeeded(from_address)
    become(portal().sessions.begin(person.id, person.name, person.role, instead_of=visitor()))
    return redirect(_wanted(request.form.get("next", "")), 303)


@blueprint.get("/login/lost")
def lost() -> ResponseReturnValue:
    """What to do about a lost password."""
    return _lost_page()


@blueprint.post("/login/lost")
def renew() -> ResponseReturnValue:
    """Gives an owner a new password who types the code that the box shows."""
    settings, from_address, now = portal().settings, request.remote_addr or "", portal().ticks()
    throttle = portal().code_throttle
    wait = throttle.wait(from_address, now)
    if wait:
        return _lost_page(f"Too many wrong codes. Please wait {waiting_time(wait)}, then try again.", 429)
    if not box.lost_code_fits(settings, request.form.get("code", "")):
        throttle.failed(from_address, now)
        return _lost_page("That is not the code on the box's screen.", 403)
    try:
        owner = _owner(request.form.get("address", ""))
        body = {"password": request.form.get("password", "")}
        portal().house.conversation.post(f"/people/{owner.id}/password", body)
    except NisseError as refused:
        return _lost_page(" ".join(calm(refused)), refused.status)
    box.lost_code_used(settings)
    throttle.succeeded(from_address)
    portal().sessions.end_all(owner.id)
    become(portal().sessions.begin(owner.id, owner.name, owner.role, instead_of=visitor()))
    return redirect("/", 303)


def _owner(address: str) -> Person:
    wanted = ("mail", address.strip().lower())
    for person in portal().house.people():
        if person.role == "owner" and wanted in [(kind, one.lower()) for kind, one in person.addresses]:
            return person
    raise RequestError("No owner of this house has that address.", hint="Look for a slip of the keys.")


@blueprint.post("/logout")
def leave() -> ResponseReturnValue:
    """Ends the session, here and in the database."""
    portal().sessions.end(visitor())
    answer = redirect(url_for("login.show"), 303)
    session.take(answer)
    return answer


def _page(problem: str = "", status: int = 200) -> ResponseReturnValue:
    wanted = request.values.get("next", "")
    address = request.form.get("address", "")
    return render_template("login.html", problem=problem, wanted=wanted, address=address), status


def _lost_page(problem: str = "", status: int = 200) -> ResponseReturnValue:
    return render_template(
        "lost.html",
        problem=problem,
        is_open=bool(box.lost_code(portal().settings)),
        is_box=box.is_there(),
        address=request.form.get("address", ""),
    ), status


def _wanted(path: str) -> str:
    """Only pages of the menu can be wanted, so that no link leads a person who logs in to somebody else's site."""
    return path if path in {entry["path"] for entry in navigation(visitor())} else "/"
