"""What became of each message, as the portal shows it, and who wrote that nobody here knows.

Owns: reading that back from the database, and whose subjects an owner may see.
Does not know: how a page is made of it. Changes nothing but who is not shown any more.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from agent.conversation import judging
from agent.conversation.people import comparable
from agent.database import Database
from agent.message import Message
from agent.store import Store

MOST = 100
_IGNORED = 1_000
_MESSAGES = """
    SELECT inbox.*, people.name, outbox.state AS answer_state, outbox.reason AS answer_reason,
        outbox.created_at AS answered_at, bounces.said, bounces.at AS returned_at
    FROM inbox LEFT JOIN outbox USING (id) LEFT JOIN bounces ON bounces.reply = inbox.id
        LEFT JOIN people ON people.id = inbox.person
    WHERE interactive = 0 AND inbox.received_at < ? AND (? OR inbox.person = ?)
    ORDER BY inbox.received_at DESC LIMIT ?
"""
_STRANGERS = """
    SELECT address, count(*) + coalesce((SELECT sum(count) FROM storms WHERE storms.address = inbox.address), 0) AS count,
        max(received_at) AS at, body
    FROM inbox WHERE state = 'refused' AND rule = 'E17' AND person IS NULL
        AND address NOT IN (SELECT address FROM ignored) AND address NOT IN (SELECT address FROM addresses)
    GROUP BY address ORDER BY at DESC LIMIT ?
"""


class Timeline:
    """The messages that came in by a channel on which nobody waits."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def messages(self, viewer: str, *, everybody: bool, before: float, limit: int) -> list[dict[str, Any]]:
        """The newest messages, each with its steps.

        Args:
            viewer: Id of the person who looks.
            everybody: Also what others wrote, without its subject, and what nobody's mails were refused.
            before: Only what came before, in seconds since 1970; 0: all.
            limit: How many at most.
        """
        with self._store.reading() as db:
            rows = db.conn.execute(
                _MESSAGES, [before or time.time() + 1, int(everybody), viewer, min(limit, MOST)]
            ).fetchall()
            steps = _steps(db, [row["id"] for row in rows])
            return [_shown(row, steps.get(row["id"], []), viewer) for row in rows]

    def halted_until(self) -> float:
        """Until when the house answers no mail; 0 if it does."""
        with self._store.reading() as db:
            return judging.halted_until(db, time.time())

    def resume(self) -> None:
        """The house answers mail again."""
        with self._store.transaction() as db:
            judging.resume(db)

    def strangers(self) -> list[dict[str, Any]]:
        """Who wrote that nobody here knows, the newest first: address, how often, when last, and about what."""
        with self._store.reading() as db:
            rows = db.conn.execute(_STRANGERS, [MOST]).fetchall()
        return [
            {**_stranger(row["body"]), **{name: row[name] for name in ("address", "count", "at")}}
            for row in rows
        ]

    def storms(self) -> list[dict[str, Any]]:
        """Refused mails of which there are so many that they are only counted."""
        with self._store.reading() as db:
            found = db.conn.execute("SELECT * FROM storms ORDER BY newest DESC LIMIT ?", [MOST])
            return [dict(row) for row in found]

    def ignore(self, address: str) -> None:
        """From now on this stranger is not shown any more."""
        with self._store.transaction() as db:
            known = comparable("mail", address)[:300]
            db.conn.execute("INSERT OR REPLACE INTO ignored VALUES (?, ?)", [known, time.time()])
            db.conn.execute(
                "DELETE FROM ignored WHERE at < (SELECT at FROM ignored ORDER BY at DESC LIMIT 1 OFFSET ?)",
                [_IGNORED],
            )


def _steps(db: Database, messages: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    found = db.conn.execute(
        "SELECT message, at, kind, detail FROM events WHERE message IN (SELECT value FROM json_each(?)) ORDER BY id",
        [json.dumps(list(messages))],
    )
    steps: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        steps.setdefault(row["message"], []).append(
            {"at": row["at"], "kind": row["kind"], "detail": row["detail"]}
        )
    return steps


def _shown(row: Any, steps: list[dict[str, Any]], viewer: str) -> dict[str, Any]:
    message = Message.from_json(json.loads(row["body"]))
    private = row["person"] is not None and row["person"] != viewer
    names = ("id", "channel", "person", "name", "state", "rule", "reason", "received_at", "address")
    return {
        **{name: row[name] for name in names},
        "account": message.envelope.get("account", ""),
        "subject": "" if private else message.subject,
        "sender": message.sender,
        "level": message.level,
        "evidence": message.evidence,
        "held": bool(row["held"]),
        "is_notice": row["state"] != "refused" and bool(row["rule"]),
        "answer": row["answer_state"]
        and {"state": row["answer_state"], "reason": row["answer_reason"], "at": row["answered_at"]},
        "returned": (row["said"] is not None and {"said": row["said"], "at": row["returned_at"]}) or None,
        "steps": steps,
    }


def _stranger(body: str) -> dict[str, Any]:
    message = Message.from_json(json.loads(body))
    return {"sender": message.sender, "subject": message.subject, "level": message.level}
