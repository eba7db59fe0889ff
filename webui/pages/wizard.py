"""The wizard: claim code, owner, mail, done. A tab that was lost goes on where it was.

Owns: the steps and their order.
Does not know: how a code is kept, how a person is stored, nor what mail needs (see `agent.claim`, `house`, `mail_form`).
"""

from __future__ import annotations

import os
import pwd
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from agent import claim
from agent.errors import ConflictError, ForbiddenError, NisseError, RequestError
from webui import box, mail_form
from webui.access import owner_only
from webui.guard import HOTSPOT_NETWORK
from webui.house import calm
from webui.layout import waiting_time
from webui.place import web_address
from webui.portal import become, portal, visitor

blueprint = Blueprint("wizard", __name__, url_prefix="/setup")

SHORTEST_PASSWORD = 10


@blueprint.get("")
def begin() -> ResponseReturnValue:
    """Leads to the step at which this browser is."""
    if portal().ownership.is_claimed():
        if not visitor().person:
            return redirect(url_for("login.show"), 303)
        step = portal().sessions.step()
        return redirect(f"/setup/{step}" if step and visitor().is_owner else "/", 303)
    if portal().house.has_owner() is None:
        return _page("wizard_waking.html")
    return _owner_page() if visitor().holds_code else _code_page()


@blueprint.post("/code")
def check_code() -> ResponseReturnValue:
    """Takes the code that the box shows on its screen."""
    address, now, throttle = request.remote_addr or "", portal().ticks(), portal().code_throttle
    wait = throttle.wait(address, now)
    if wait:
        return _code_page(f"Too many wrong codes. Please wait {waiting_time(wait)}, then try again.", 429)
    if portal().ownership.is_claimed() or not claim.fits(
        portal().settings.home, request.form.get("code", "")
    ):
        throttle.failed(address, now)
        return _code_page(
            "That is not the code on the box's screen. It has eight letters and digits, such as 7K2M-9QXT.",
            403,
        )
    throttle.succeeded(address)
    become(portal().sessions.begin("", "", "", instead_of=visitor()))
    return redirect(url_for("wizard.begin"), 303)


@blueprint.post("/owner")
def make_owner() -> ResponseReturnValue:
    """Makes whoever typed the code the owner. Of two at once, conversation lets one through."""
    if not visitor().holds_code:
        raise ForbiddenError(
            "The code on the box's screen comes first.", hint="Go back to the start and type it."
        )
    name, address = (request.form.get(key, "").strip() for key in ("name", "address"))
    password = request.form.get("password", "")
    try:
        if len(password) < SHORTEST_PASSWORD:
            raise RequestError(
                "The password is too short.",
                hint="Take at least 10 characters; three words in a row are easy to remember.",
            )
        owner = portal().house.claim(name, address, password, console=_unix_user())
    except ConflictError:
        portal().ownership.settle(owned=True)
        return redirect(url_for("login.show"), 303)
    except NisseError as refused:
        return _owner_page(" ".join(calm(refused)), refused.status)
    portal().sessions.go_on_at("mail")
    portal().sessions.end_all("")
    box.forget_offered_owner(portal().settings)
    portal().ownership.settle(owned=True)
    become(portal().sessions.begin(owner.id, owner.name, owner.role, instead_of=visitor()))
    return redirect(url_for("wizard.mail"), 303)


@blueprint.get("/mail")
def mail() -> ResponseReturnValue:
    """Asks for the house's mail account."""
    owner_only()
    return _mail_page(mail_form.fields(portal().settings.home))


@blueprint.post("/mail")
def keep_mail() -> ResponseReturnValue:
    """Keeps the account, or goes on without one."""
    owner_only()
    home = portal().settings.home
    if "skip" not in request.form:
        filled = mail_form.filled(home, request.form)
        if filled.errors:
            return _mail_page(filled.fields), 400
        mail_form.save(home, filled.changes)
    portal().sessions.go_on_at("done")
    return redirect(url_for("wizard.done"), 303)


@blueprint.get("/done")
def done() -> ResponseReturnValue:
    """Says where to write, and how far the model is."""
    owner_only()
    portal().sessions.go_on_at("")
    settings = portal().settings
    return _page(
        "wizard_done.html",
        web=web_address(settings),
        mail=mail_form.address(settings.home),
        brain=portal().house.note("brain"),
        models=[model for model in portal().house.models() if model["wanted"]],
        by_hotspot=(request.remote_addr or "").startswith(HOTSPOT_NETWORK),
    )


def _code_page(problem: str = "", status: int = 200) -> ResponseReturnValue:
    return _page("wizard_code.html", problem=problem, is_box=box.is_there()), status


def _owner_page(problem: str = "", status: int = 200) -> ResponseReturnValue:
    offered = box.offered_owner(portal().settings)
    kept = {key: request.form.get(key, offered[key]) for key in ("name", "address")}
    return _page("wizard_owner.html", problem=problem, kept=kept), status


def _mail_page(fields: list[mail_form.Field]) -> str:
    return _page("wizard_mail.html", fields=fields)


def _page(template: str, **content: Any) -> str:
    """A step's page: without the menu, one goes on or one waits."""
    return render_template(template, navigation=[], **content)


def _unix_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""
