"""Mail: the house's own account, for owners; the wizard's form again, and the button that tries it.

Owns: the page and the trial.
Does not know: mail (see `mail_form`).
"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from agent.settings import save
from webui import mail_form
from webui.access import owner_only
from webui.portal import portal

NAVIGATION = {"title": "Mail", "path": "/mail", "icon": "mail", "order": 50, "owner": True}

blueprint = Blueprint("mail", __name__, url_prefix="/mail")
blueprint.before_request(owner_only)


@blueprint.get("")
def show() -> str:
    """The form with what is kept."""
    return render_template("mail.html", fields=mail_form.fields(portal().settings.home))


@blueprint.post("")
def keep() -> ResponseReturnValue:
    """Keeps what was filled in; the mail process starts anew by itself."""
    home = portal().settings.home
    filled = mail_form.filled(home, request.form)
    if filled.errors:
        return render_template("mail.html", fields=filled.fields), 400
    save(home, filled.changes)
    flash("Saved. Mail begins anew with these settings in a few seconds.")
    return redirect(url_for("mail.show"), 303)


@blueprint.post("/test")
def test() -> ResponseReturnValue:
    """Logs in with what stands in the form, saved or not."""
    home = portal().settings.home
    filled = mail_form.filled(home, request.form)
    problems = [field.problem for field in filled.fields if field.problem]
    if problems:
        return {"ok": False, "message": problems[0], "hint": "Mend it and test again."}
    return mail_form.tried(home, filled.changes)
