"""Mail: the house's mailboxes, for owners: how each is, its form, the buttons that help with it and try it, and what was set aside.

Owns: the page, adding and removing mailboxes, and the trial.
Does not know: mail (see `mail_form`).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from agent import settings as ground
from agent.errors import NotFoundError, RequestError
from webui import mail_form
from webui.access import owner_only
from webui.portal import portal

NAVIGATION = {"title": "Mail", "path": "/mail", "icon": "mail", "order": 50, "owner": True}

blueprint = Blueprint("mail", __name__, url_prefix="/mail")
blueprint.before_request(owner_only)

_SAVED = "Saved. Mail begins anew with these settings in a few seconds."


@blueprint.get("")
def show() -> str:
    """The mailboxes, and the first one's form with what is kept."""
    return _page(mail_form.fields(_home()))


@blueprint.post("")
def keep() -> ResponseReturnValue:
    """Keeps what was filled in; the mail process starts anew by itself."""
    filled = mail_form.filled(_home(), request.form)
    if filled.errors:
        return _page(filled.fields), 400
    mail_form.save(_home(), filled.changes)
    flash(_SAVED)
    return redirect(url_for("mail.show"), 303)


@blueprint.get("/more")
def show_empty() -> str:
    """The form for another mailbox."""
    return _page(mail_form.empty_fields(), entry=None)


@blueprint.post("/more")
def add() -> ResponseReturnValue:
    """Adds another mailbox."""
    filled = mail_form.filled(_home(), request.form, None)
    problem, entry = "", ""
    try:
        entry = mail_form.new_entry(_home(), str(filled.changes.get("mail.address", "")))
    except RequestError as refused:
        problem = str(refused)
    if problem or filled.errors:
        return _page(filled.fields, entry=None, problem=problem), 400
    mail_form.save(_home(), filled.changes, entry)
    flash(_SAVED)
    return redirect(url_for("mail.show_entry", entry=entry), 303)


@blueprint.get("/more/<entry>")
def show_entry(entry: str) -> str:
    """A further mailbox's form with what is kept."""
    return _page(mail_form.fields(_home(), _known(entry)), entry=entry)


@blueprint.post("/more/<entry>")
def keep_entry(entry: str) -> ResponseReturnValue:
    """Keeps what was filled in for a further mailbox."""
    filled = mail_form.filled(_home(), request.form, _known(entry))
    if filled.errors:
        return _page(filled.fields, entry=entry), 400
    mail_form.save(_home(), filled.changes, entry)
    flash(_SAVED)
    return redirect(url_for("mail.show_entry", entry=entry), 303)


@blueprint.post("/more/<entry>/remove")
def remove(entry: str) -> ResponseReturnValue:
    """Takes a further mailbox away; at the provider it stays as it is."""
    address = mail_form.address(_home(), _known(entry))
    ground.remove(_home(), mail_form.SECTION, entry)
    flash(f"{address or entry} is no mailbox of the house any more. At the provider it stays as it is.")
    return redirect(url_for("mail.show"), 303)


@blueprint.post("/again")
def again() -> ResponseReturnValue:
    """Has a mailbox tried again that stopped after three refused passwords."""
    address = request.form.get("account", "").strip()
    if not address:
        raise RequestError("Which mailbox is meant is missing.")
    portal().house.try_again(mail_form.SECTION, address)
    flash(f"{address} is tried again in a few seconds.")
    return redirect(url_for("mail.show"), 303)


@blueprint.post("/test")
def test() -> ResponseReturnValue:
    """Logs in with what stands in the form, saved or not."""
    filled = mail_form.filled(_home(), request.form, _asked_entry())
    problems = [field.problem for field in filled.fields if field.problem]
    if problems:
        return {"ok": False, "message": problems[0], "hint": "Mend it and test again."}
    return mail_form.tried(_home(), filled.changes, _asked_entry())


@blueprint.post("/find")
def find() -> ResponseReturnValue:
    """The servers that belong to the address in the form."""
    outside = request.form.get("outside") == "on"
    asked = {"address": request.form.get("mail.address", ""), "outside": outside}
    return mail_form.assisted(_home(), "suggest", asked, _asked_entry())


@blueprint.post("/permit")
def permit() -> ResponseReturnValue:
    """Asks for a provider's permission, or fetches and keeps it."""
    entry = _asked_entry()
    if entry is None:
        raise RequestError("This mailbox is not saved yet.", hint="Save it first, then get the permission.")
    changes = mail_form.filled(_home(), request.form, entry).changes
    asked = {"device_code": request.form.get("device_code", ""), "settings": changes}
    verdict = mail_form.assisted(_home(), "permit", asked, entry)
    permission = str(verdict.pop("permission", ""))
    if permission:
        of_client = ("mail.oauth_client", "mail.oauth_secret")
        kept = {key: value for key, value in changes.items() if key in of_client}
        kept |= {"mail.oauth_permission": permission, "mail.login": "oauth2"}
        mail_form.save(_home(), kept, entry)
        verdict["granted"] = True
    return verdict


def _page(fields: list[mail_form.Field], *, entry: str | None = "", problem: str = "") -> str:
    boxes = [
        {"entry": name, "address": mail_form.address(_home(), name)}
        for name in ("", *mail_form.entries(_home()))
    ]
    told = portal().house.accounts(mail_form.SECTION)
    return render_template(
        "mail.html",
        fields=fields,
        entry=entry,
        problem=problem,
        boxes=[box | {"told": _told(told, box["address"])} for box in boxes if box["address"]],
        set_aside=sorted(
            ({**one, "account": account["account"]} for account in told for one in account["set_aside"]),
            key=lambda one: -one["at"],
        ),
    )


def _told(accounts: list[dict[str, Any]], address: str) -> dict[str, Any] | None:
    return next((one for one in accounts if one["account"] == address.lower()), None)


def _asked_entry() -> str | None:
    """Of which mailbox a form is; None: of one that is not there yet."""
    entry = request.form.get("entry", "")
    return None if entry == "+" else _known(entry) if entry else ""


def _known(entry: str) -> str:
    if entry not in mail_form.entries(_home()):
        raise NotFoundError("The house has no such mailbox.", hint="Choose one on the page Mail.")
    return entry


def _home() -> Any:
    return portal().settings.home
