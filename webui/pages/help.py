"""Help: the owner's manual, readable without a network.

Owns: the page and the order of its chapters, the files `webui/help/NUMBER-name.html`.
Does not know: what they say.
"""

from __future__ import annotations

import re
from pathlib import Path

from flask import Blueprint, render_template

from webui import mail_form
from webui.place import web_address
from webui.portal import portal

NAVIGATION = {"title": "Help", "path": "/help", "icon": "help", "order": 70}

blueprint = Blueprint("help", __name__, url_prefix="/help")
_FOLDER = Path(__file__).parent.parent / "help"
_TITLE = re.compile(r"<h2[^>]*>(.+?)</h2>")


@blueprint.get("")
def show() -> str:
    """All chapters on one page."""
    settings = portal().settings
    chapters = [
        {"file": file.name, "anchor": file.stem.partition("-")[2], "title": _title(file)}
        for file in sorted(_FOLDER.glob("*.html"))
    ]
    address = mail_form.address(settings.home)
    return render_template("help.html", chapters=chapters, mail=address, web=web_address(settings))


def _title(file: Path) -> str:
    found = _TITLE.search(file.read_text(encoding="utf-8"))
    return found.group(1) if found else file.stem
