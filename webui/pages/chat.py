"""Chat: ask, and watch the answer being written.

Owns: the page, and its traffic with the browser's script.
Does not know: how answers come about. The portal is a channel like others: it hands messages in and marks replies as sent.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, redirect, render_template, stream_with_context
from flask.typing import ResponseReturnValue

from agent import logs
from agent.errors import NisseError, NotFoundError, RequestError, TooManyError
from agent.message import VERIFIED, Message
from agent.wire.serve import hung_up, json_body
from webui.exchange import shown, unfinished
from webui.house import House, calm
from webui.portal import portal, visitor

NAVIGATION = {"title": "Chat", "path": "/", "icon": "chat", "order": 10}
CHANNEL = "portal"
LONGEST_TEXT = 20_000  # characters

blueprint = Blueprint("chat", __name__)
_log = logging.getLogger(__name__)
_BROWSER_ID = re.compile(r"[0-9a-f]{16,64}")


@blueprint.get("/")
def show() -> ResponseReturnValue:
    """The page; its script fetches what was said."""
    if visitor().is_owner and portal().sessions.step():
        return redirect(f"/setup/{portal().sessions.step()}", 303)
    return render_template("chat.html", longest=LONGEST_TEXT)


@blueprint.post("/chat")
def ask() -> ResponseReturnValue:
    """Hands a message in. The browser names it, so that sending it twice is once."""
    body, person = json_body(), visitor().person
    text = str(body.get("text", "")).strip()
    if not text:
        raise RequestError("There is nothing to send.", hint="Write something first.")
    if len(text) > LONGEST_TEXT:
        raise RequestError(
            "That is too long for one message.",
            hint="Put long texts on the page “Documents”, then ask about them.",
        )
    thread = body.get("thread") or body.get("id")
    message = Message(
        channel=CHANNEL,
        native_id=_native_id(person, body.get("id")),
        thread=_native_id(person, thread),
        sender=person,
        address_kind="portal",
        text=text,
        received_at=time.time(),
        level=VERIFIED,  # by the portal's login
    )
    return {"id": portal().house.send(message)}, 202


@blueprint.get("/chat/history")
def history() -> ResponseReturnValue:
    """What was said. Showing a reply is delivering it."""
    house = portal().house
    exchanges = house.exchanges(visitor().person)
    for reply in unfinished(exchanges):
        house.delivering(reply)
        house.delivered(reply)
    return {"exchanges": [shown(exchange) for exchange in exchanges]}


@blueprint.get("/chat/<message_id>/events")
def watch(message_id: str) -> ResponseReturnValue:
    """An answer as it is written, as server-sent events."""
    house, streams = portal().house, portal().streams
    if message_id not in {exchange["message"]["id"] for exchange in house.exchanges(visitor().person)}:
        raise NotFoundError("There is no such message of yours.")
    if not streams.acquire(blocking=False):
        raise TooManyError(
            "Many people are asking just now.", hint="The answer will appear here in a moment."
        )
    answer = Response(stream_with_context(_events(house, message_id)), mimetype="text/event-stream")
    answer.call_on_close(streams.release)
    return answer


@blueprint.get("/chat/mood")
def mood() -> ResponseReturnValue:
    """Why it takes a while, in a few words."""
    house = portal().house
    conversation = house.note("conversation")
    if not conversation.facts:
        return {"sentence": conversation.sentence}
    brain = house.note("brain")
    if not brain.ready:
        return {"sentence": brain.sentence}
    ahead = int(conversation.facts.get("waiting", 0)) + int(conversation.facts.get("answering", 0)) - 1
    if ahead > 0:
        return {"sentence": f"Thinking, with {ahead} other message{'s' if ahead > 1 else ''} at hand"}
    return {"sentence": "Thinking"}


def _events(house: House, message_id: str) -> Iterator[str]:
    yield ": begun\n\n"
    try:
        for text in house.events(message_id):
            if hung_up():
                return
            if not text:  # a sign of life, by which the server sees whether the tab is still open
                yield ": still here\n\n"
                continue
            event = json.loads(text)
            reply = event.get("reply")
            if reply is None:
                yield _event(event)
                continue
            house.delivering(reply["id"])
            yield _event({"reply": shown({"message": {}, "reply": reply})["reply"]})
            house.delivered(reply["id"])
    except (NisseError, ValueError) as failed:
        logs.event(_log, "stream.ended", reason=failed)
        message, hint = calm(failed) if isinstance(failed, NisseError) else ("The answer broke off.", "")
        yield _event({"problem": f"{message} {hint}".strip()})


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"


def _native_id(person: str, given: Any) -> str:
    """The browser's name for a message, within the person's own: nobody can name another's."""
    if not isinstance(given, str) or not _BROWSER_ID.fullmatch(given):
        raise RequestError("The message has no proper name.", hint="Open the page again.")
    return f"{person}/{given}"
