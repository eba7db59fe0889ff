"""Conversation's routes for the page Messages, for what comes back and for what the house tells unasked: beside `service`, which has all others.

Owns: these routes.
Does not know: how anything behind them is done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from agent.conversation.announcing import Announcing
from agent.conversation.bounces import Bounces
from agent.conversation.channels import Channels
from agent.conversation.inbox import Inbox
from agent.conversation.people import People
from agent.conversation.refused import Refused
from agent.conversation.timeline import MOST, Timeline
from agent.errors import RequestError
from agent.store import Store
from agent.wire import serve

_LONGEST = 500  # characters of a word


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The parts behind these routes."""

    timeline: Timeline
    refused: Refused
    bounces: Bounces
    announcing: Announcing
    wake: Callable[[], None]  # there is something to answer

    @classmethod
    def on(
        cls, store: Store, people: People, inbox: Inbox, channels: Channels, wake: Callable[[], None]
    ) -> Desk:
        """The parts on one database."""
        return cls(
            timeline=Timeline(store),
            refused=Refused(store),
            bounces=Bounces(store),
            announcing=Announcing(store, people, inbox, channels, wake),
            wake=wake,
        )


def routes(desk: Desk) -> Blueprint:
    """The routes."""
    found = Blueprint("desk", __name__)

    @found.get("/timeline")
    def timeline() -> ResponseReturnValue:
        everybody = request.args.get("everybody", "") == "1"
        limit = request.args.get("limit", "50")
        return {
            "messages": desk.timeline.messages(
                request.args.get("person", ""),
                everybody=everybody,
                before=_moment(request.args.get("before", "0")),
                limit=int(limit) if limit.isdigit() else MOST,
            ),
            "halted_until": desk.timeline.halted_until(),
            "silenced": desk.bounces.silenced() if everybody else [],
            "storms": desk.timeline.storms() if everybody else [],
            "strangers": desk.timeline.strangers() if everybody else [],
        }

    @found.post("/messages/<message_id>/answer")
    def answer(message_id: str) -> ResponseReturnValue:
        desk.refused.admit(message_id, by=_word("person"))
        desk.wake()
        return {"id": message_id, "state": "received"}, 202

    @found.post("/strangers/ignore")
    def ignore() -> ResponseReturnValue:
        desk.timeline.ignore(_word("address"))
        return {}

    @found.post("/announcements")
    def announce() -> ResponseReturnValue:
        body = serve.json_body()
        key, subject, text = (body.get(name) for name in ("key", "subject", "text"))
        if not (isinstance(key, str) and isinstance(subject, str) and isinstance(text, str)):
            raise RequestError("An announcement needs a key, a subject and a text.")
        return {"owners": desk.announcing.announce(key, subject, text)}, 202

    @found.post("/halt/end")
    def resume() -> ResponseReturnValue:
        desk.timeline.resume()
        return {}

    _register_returns(found, desk)
    return found


def _register_returns(found: Blueprint, desk: Desk) -> None:
    """The routes for answers that came back."""

    @found.post("/replies/returned")
    def returned() -> ResponseReturnValue:
        body = serve.json_body()
        known = desk.bounces.note(
            _word("outgoing_id"),
            action=str(body.get("action", ""))[:_LONGEST],
            status=str(body.get("status", ""))[:_LONGEST],
            said=str(body.get("said", ""))[:_LONGEST],
        )
        return {"known": known}

    @found.post("/addresses/forgive")
    def forgive() -> ResponseReturnValue:
        desk.bounces.forgive(_word("address"))
        return {}


def _word(name: str) -> str:
    value = serve.json_body().get(name)
    if not isinstance(value, str) or not value.strip():
        raise RequestError(f"{name!r} is needed.", param=name)
    return value[:_LONGEST]


def _moment(given: str) -> float:
    try:
        return float(given)
    except ValueError as wrong:
        raise RequestError("'before' must be a time in seconds since 1970.", param="before") from wrong
