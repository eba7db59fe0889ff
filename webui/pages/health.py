"""Health: how the house is, in sentences first and figures below.

Owns: the page; its script fetches it again every few seconds.
Does not know: how figures are measured (see `condition`).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from webui import box, condition
from webui.house import SERVICES
from webui.portal import portal, visitor

NAVIGATION = {"title": "Health", "path": "/health", "icon": "health", "order": 60}

blueprint = Blueprint("health", __name__, url_prefix="/health")
_EVENTS = 30
_IN_WORDS = {
    "message.received": "A message came in",
    "message.claimed": "Nisse began to answer",
    "message.answered": "An answer was written",
    "message.refused": "A message was not answered",
    "message.postponed": "A message must wait",
    "message.admitted": "A message is answered after all",
    "message.announced": "The house has something to tell an owner",
    "message.noted": "Somebody is told that an answer takes a while",
    "reply.sending": "An answer is on its way",
    "reply.sent": "An answer was delivered",
    "reply.postponed": "An answer is tried again later",
    "reply.failed": "An answer could not be delivered",
    "reply.delayed": "An answer is still on its way",
    "reply.returned": "An answer came back",
    "mail.halted": "Too many mails came; none is answered",
    "mail.resumed": "Mail is answered again",
    "address.silenced": "Nothing is written to an address any more",
    "address.forgiven": "An address is written to again",
    "person.added": "Somebody joined the household",
    "person.removed": "Somebody left the household",
    "person.password_changed": "A password was changed",
}


@blueprint.get("")
def show() -> str:
    """The page. Who wrote what and when is for owners."""
    house, settings = portal().house, portal().settings
    models = [model for model in house.models() if model.get("wanted") or model.get("fetching")]
    return render_template(
        "health.html",
        notes=[house.note(service) for service in SERVICES],
        models=models,
        gauges=condition.gauges(settings),
        has_box_page=visitor().is_owner and box.is_there(),
        processes=condition.running(settings),
        accounts=house.accounts("mail"),
        events=[_in_words(event) for event in house.journal(_EVENTS)] if visitor().is_owner else [],
    )


def _in_words(event: dict[str, Any]) -> dict[str, Any]:
    kind = str(event.get("kind", ""))
    return {**event, "words": _IN_WORDS.get(kind, kind.replace(".", " ").replace("_", " ").capitalize())}
