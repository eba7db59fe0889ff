"""Account: one's own name and password.

Owns: the page.
Does not know: how passwords are kept; conversation does.
"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from agent.errors import AuthenticationError, NisseError
from webui.house import calm
from webui.layout import waiting_time
from webui.portal import become, portal, visitor

NAVIGATION = {"title": "You", "path": "/you", "icon": "you", "order": 80}

blueprint = Blueprint("account", __name__, url_prefix="/you")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Who one is here."""
    return _page()


@blueprint.post("/password")
def change() -> ResponseReturnValue:
    """Changes the password of whoever knows the present one; other browsers must log in again."""
    me, from_address, now = visitor(), request.remote_addr or "", portal().ticks()
    wait = portal().password_throttle.wait(from_address, now)
    if wait:
        return _page(f"Too many wrong passwords. Please wait {waiting_time(wait)}, then try again.", 429)
    try:
        person = portal().house.verify(request.form.get("address", ""), request.form.get("present", ""))
        if person.id != me.person:
            raise AuthenticationError(
                "This address and password do not fit.", hint="Look for a slip of the keys."
            )
        body = {"password": request.form.get("password", "")}
        portal().house.conversation.post(f"/people/{me.person}/password", body)
    except NisseError as refused:
        if isinstance(refused, AuthenticationError):
            portal().password_throttle.failed(from_address, now)
        return _page(" ".join(calm(refused)), refused.status)
    portal().sessions.end_all(me.person)
    become(portal().sessions.begin(me.person, me.name, me.role, instead_of=me))
    flash("Your password is changed. Other browsers must log in again.")
    return redirect(url_for("account.show"), 303)


def _page(problem: str = "", status: int = 200) -> ResponseReturnValue:
    addresses: list[str] = []
    try:
        mine = [member for member in portal().house.people() if member.id == visitor().person]
        addresses = [address for member in mine for kind, address in member.addresses if kind == "mail"]
    except NisseError as away:
        problem = problem or " ".join(calm(away))
    return render_template("account.html", addresses=addresses, problem=problem), status
