"""Letters: answers that wait in the house, because it has no mail account to send them from.

Owns: the page, and whose letters are shown: a person's own only.
Does not know: mail (see `letters`).
"""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, render_template

from agent import settings as ground
from agent.errors import NisseError
from webui import letters
from webui.house import calm
from webui.portal import portal, visitor

NAVIGATION = {"title": "Letters", "path": "/letters", "icon": "letters", "order": 30}

blueprint = Blueprint("letters", __name__, url_prefix="/letters")


@blueprint.get("")
def show() -> str:
    """The letters to the person who looks, newest first."""
    problem, found = "", []
    try:
        found = letters.of_person(_maildir(), _addresses(visitor().person))
    except NisseError as away:
        problem = " ".join(calm(away))
    return render_template("letters.html", letters=found, problem=problem)


def _maildir() -> Path:
    settings = portal().settings
    named = settings.text("door.maildir") if "door.maildir" in ground.table() else ""
    return Path(named).expanduser() if named else settings.home / "door" / "Maildir"


def _addresses(person: str) -> list[str]:
    return [
        address
        for member in portal().house.people()
        if member.id == person
        for kind, address in member.addresses
        if kind == "mail"
    ]
