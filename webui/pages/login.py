"""Logging in and out.

Owns: the form, and where it leads.
Does not know: passwords; conversation verifies them.
"""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from agent.errors import AuthenticationError, NisseError
from webui import session
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


def _wanted(path: str) -> str:
    """Only pages of the menu can be wanted, so that no link leads a person who logs in to somebody else's site."""
    return path if path in {entry["path"] for entry in navigation(visitor())} else "/"
