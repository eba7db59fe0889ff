"""An exchange as the chat shows it: what was asked, what was answered, and on what that rests.

Owns: which fields of conversation's answers reach the browser.
Does not know: HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.message import Reply

_LONGEST_EXCERPT = 240  # characters


def shown(exchange: dict[str, Any]) -> dict[str, Any]:
    """What the browser gets of an exchange as conversation tells it."""
    message, reply = exchange["message"], exchange["reply"]
    fields = ("id", "text", "received_at", "state", "reason")
    return {**{name: message.get(name, "") for name in fields}, "reply": _reply(reply) if reply else None}


def unfinished(exchanges: Sequence[dict[str, Any]]) -> list[str]:
    """The replies that nobody has seen yet."""
    replies = (exchange["reply"] for exchange in exchanges)
    return [reply["id"] for reply in replies if reply and reply.get("state") in ("answered", "sending")]


def _reply(reply: dict[str, Any]) -> dict[str, Any]:
    sources = [_source(passage) for passage in reply.get("sources", ())]
    text = str(reply["text"])
    return {
        "id": reply["id"],
        "text": Reply.from_json(reply).answer if sources else text,
        "sources": sources,
        "at": reply.get("created_at", 0),
    }


def _source(passage: dict[str, Any]) -> dict[str, Any]:
    text = " ".join(str(passage.get("text", "")).split())
    return {
        "document": passage.get("document", ""),
        "page": passage.get("page", 0),
        "kind": passage.get("kind", "document"),
        "excerpt": text
        if len(text) <= _LONGEST_EXCERPT
        else f"{text[:_LONGEST_EXCERPT].rsplit(' ', 1)[0]} …",
    }
