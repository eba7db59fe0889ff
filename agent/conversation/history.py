"""What was said: earlier turns of a thread, and a person's exchanges as the portal shows them.

Owns: reading exchanges back from the database.
Does not know: how a prompt or a page is made of them. Changes nothing.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

from agent.conversation import capability
from agent.conversation.inbox import thread_key
from agent.conversation.turn import Exchange
from agent.message import Message, Reply
from agent.store import Store

_TURNS = 20  # read of a thread at the least; at twice as many, the older ones go


def day(at: float) -> str:
    """A moment's date in words, where the box stands."""
    return time.strftime("%A, %d %B %Y", time.localtime(at))


class History:
    """Exchanges in the database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def thread(self, message: Message) -> list[Exchange]:
        """The answered turns of a message's thread, oldest first; none that was proven better than this message is (rule E31)."""
        thread = "FROM inbox JOIN outbox USING (id) WHERE thread = ? AND inbox.id != ?"
        values = [thread_key(message), message.id]
        with self._store.reading() as db:
            count = db.conn.execute(f"SELECT count(*) {thread}", values).fetchone()[0]
            rows = db.conn.execute(
                f"SELECT received_at, inbox.body AS question, outbox.body AS answer {thread} "
                "ORDER BY received_at LIMIT -1 OFFSET ?",
                [*values, max(0, count // _TURNS - 1) * _TURNS],
            ).fetchall()
        found = [(Message.from_json(json.loads(row["question"])), row) for row in rows]
        return [
            Exchange(
                question=question.text,
                answer=Reply.from_json(json.loads(row["answer"])).answer,
                today=day(row["received_at"]),
            )
            for question, row in found
            if capability.reaches(message.level, question.level)
        ]

    def of_person(self, person_id: str, channel: str, limit: int) -> list[dict[str, Any]]:
        """A person's last exchanges on a channel, oldest first, each with its message and its reply or None."""
        with self._store.reading() as db:
            rows = db.conn.execute(
                "SELECT inbox.id, inbox.body AS question, inbox.state, inbox.reason, inbox.received_at, "
                "outbox.body AS answer, outbox.state AS sent FROM inbox LEFT JOIN outbox USING (id) "
                "WHERE inbox.person = ? AND inbox.channel = ? ORDER BY received_at DESC LIMIT ?",
                [person_id, channel, limit],
            ).fetchall()
        return [_exchange(row) for row in reversed(rows)]

    def as_memory(self, question: Message, reply: Reply) -> str:
        """An exchange as one text, for recall to remember."""
        asked = question.text.strip() or question.subject
        return f"Asked: {asked}\nAnswered: {reply.answer}"


def _exchange(row: dict[str, Any]) -> dict[str, Any]:
    message = Message.from_json(json.loads(row["question"]))
    reply = (
        replace(Reply.from_json(json.loads(row["answer"])), state=row["sent"]).to_json()
        if row["answer"]
        else None
    )
    shown = {
        "id": row["id"],
        "text": message.text,
        "subject": message.subject,
        "received_at": row["received_at"],
        "state": row["state"],
        "reason": row["reason"],
    }
    return {"message": shown, "reply": reply}
