"""The outbox: replies from the moment they are fixed until their channel has sent them.

Owns: the states answered, sending, sent and failed of the tables `outbox` and `notes`, the step that makes a message answered, and
the outgoing id.
Does not know: how a channel sends, nor how the text came about.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agent.conversation import journal
from agent.conversation.inbox import Received
from agent.database import Database
from agent.errors import ConflictError, NotFoundError
from agent.message import Message, Passage, Reply
from agent.store import Store

_STEPS = {  # the state after: the states before it
    "sending": ("answered", "sending"),
    "sent": ("sending", "sent"),
    "answered": ("sending", "answered"),
    "failed": ("answered", "sending", "failed"),
}
_NOTE = "-note"  # ends the id of a note
_ACCOUNT = "coalesce(json_extract(body, '$.envelope.account'), '')"
_DUE = (
    "channel = :channel AND state IN ('answered', 'sending') AND not_before <= :now "  # noqa: S608 - our own words
    f"AND :account IN ('', {_ACCOUNT}) AND {_ACCOUNT} NOT IN (SELECT value FROM json_each(:others))"
)


class Outbox:
    """The replies in the database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._news = threading.Condition()
        with store.reading() as db:
            self._instance = db.conn.execute("SELECT instance FROM house").fetchone()["instance"]

    def answer(self, received: Received, text: str, sources: tuple[Passage, ...], *, remember: bool) -> Reply:
        """Fixes the reply to a claimed message. From here on its text and outgoing id never change.

        Raises:
            ConflictError: The message is not claimed any more.
        """
        message = received.message
        person = received.person.id if received.person else None
        reply = replace(self._reply(message, message.id, text), sources=sources)
        with self._store.transaction() as db:
            moved = db.conn.execute(
                "UPDATE inbox SET state = 'answered', reason = '' WHERE id = ? AND state = 'claimed'",
                [message.id],
            ).rowcount
            if not moved:
                raise ConflictError("This message is not being answered any more.")
            db.conn.execute("DELETE FROM attachments WHERE message = ?", [message.id])
            db.conn.execute(
                "UPDATE notes SET state = 'dropped', reason = 'the answer was quicker' WHERE message = ? AND state = 'answered'",
                [message.id],
            )
            _insert(db, reply, person, remember=remember)
            journal.note(
                db, "message.answered", message_id=message.id, person=person or "", detail=message.channel
            )
        with self._news:
            self._news.notify_all()
        return reply

    def note(self, message: Message, person: str, text: str) -> Reply | None:
        """Fixes a note that the answer to a message will take long; None if it is answered by now, or has a note already.

        Args:
            message: Which message.
            person: Who wrote it.
            text: The note.
        """
        # Nobody asked for it: it goes back where the mail came from, never to an address that the mail names (RFC 3834).
        note = replace(self._reply(message, message.id + _NOTE, text), recipient=message.sender)
        with self._store.transaction() as db:
            is_open = "SELECT 1 FROM inbox WHERE id = ? AND state IN ('received', 'claimed')"
            known = "SELECT 1 FROM notes WHERE message = ?"
            if db.conn.execute(known, [message.id]).fetchone() or not (
                db.conn.execute(is_open, [message.id]).fetchone()
            ):
                return None
            db.table("notes").insert({**_row(note, person), "message": message.id})
            journal.note(db, "message.noted", message_id=message.id, person=person, detail=message.channel)
        with self._news:
            self._news.notify_all()
        return note

    def _reply(self, message: Message, reply_id: str, text: str) -> Reply:
        return Reply(
            id=reply_id,
            message_id=message.id,
            channel=message.channel,
            recipient=message.answer_to or message.sender,
            text=text,
            outgoing_id=hashlib.sha256(f"{self._instance}\0{reply_id}".encode()).hexdigest()[:40],
            subject=message.subject,
            envelope=message.envelope,
            created_at=time.time(),
        )

    def find(self, reply_id: str) -> Reply | None:
        """One reply, or None while there is none."""
        with self._store.reading() as db:
            row = db.conn.execute(
                f"SELECT body, state FROM {_table(reply_id)} WHERE id = ?",  # noqa: S608 - one of two words
                [reply_id],
            ).fetchone()
        return _reply(row["body"], row["state"]) if row else None

    def waiting(
        self, channel: str, wait: float, *, account: str = "", others: Sequence[str] = ()
    ) -> list[Reply]:
        """The replies that a channel is to send now, oldest first; those it had begun to send before a crash among them.

        Args:
            channel: Whose replies.
            wait: Seconds to wait for one if there is none.
            account: Of a channel with several accounts, the one whose replies are meant; empty: all.
            others: Accounts whose replies are not meant.
        """
        until = time.monotonic() + wait
        with self._news:
            while True:
                replies = self._due(channel, account, others)
                left = until - time.monotonic()
                if replies or left <= 0:
                    return replies
                self._news.wait(min(left, 1.0))  # a retry may fall due without any news

    def step(self, reply_id: str, state: str, *, reason: str = "", after: float = 0.0) -> Reply:
        """Moves a reply to its next state; a repeat is harmless.

        Args:
            reply_id: Which reply.
            state: sending, sent, failed, or answered to try again later.
            reason: Why it failed or is tried again.
            after: Seconds until it is offered again.

        Raises:
            NotFoundError: There is no such reply.
            ConflictError: That state does not follow on the present one.
        """
        with self._store.transaction() as db:
            table = _table(reply_id)
            row = db.conn.execute(
                f"SELECT * FROM {table} WHERE id = ?",  # noqa: S608 - one of two words
                [reply_id],
            ).fetchone()
            if row is None:
                raise NotFoundError("There is no such reply.")
            if row["state"] not in _STEPS[state]:
                raise ConflictError(f"A reply that is {row['state']} cannot become {state}.")
            if row["state"] != state or reason or after:
                db.conn.execute(
                    f"UPDATE {table} SET state = ?, reason = ?, not_before = ?, "  # noqa: S608 - one of two words
                    "attempts = attempts + ? WHERE id = ?",
                    [state, reason, time.time() + after, int(state == "sending"), reply_id],
                )
                noun = "reply" if table == "outbox" else "note"
                kind = f"{noun}.postponed" if state == "answered" else f"{noun}.{state}"
                message_id = reply_id.removesuffix(_NOTE)
                journal.note(db, kind, message_id=message_id, person=row["person"] or "", detail=reason)
        return _reply(row["body"], state)

    def to_remember(self, limit: int) -> list[tuple[str, Reply]]:
        """Exchanges that recall does not have yet, as person and reply, oldest first."""
        with self._store.reading() as db:
            rows = db.conn.execute(
                "SELECT person, body, state FROM outbox WHERE remembered = 0 ORDER BY created_at LIMIT ?",
                [limit],
            ).fetchall()
        return [(row["person"], _reply(row["body"], row["state"])) for row in rows]

    def remembered(self, reply_id: str) -> None:
        """Recall has this exchange."""
        with self._store.transaction() as db:
            db.conn.execute("UPDATE outbox SET remembered = 1 WHERE id = ?", [reply_id])

    def counts(self) -> dict[str, int]:
        """How many replies are in each state."""
        with self._store.reading() as db:
            return dict(db.conn.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall())

    def _due(self, channel: str, account: str, others: Sequence[str]) -> list[Reply]:
        values = {
            "channel": channel,
            "now": time.time(),
            "account": account,
            "others": json.dumps(list(others)),
        }
        with self._store.reading() as db:
            rows = db.conn.execute(
                f"SELECT body, state, created_at FROM outbox WHERE {_DUE} UNION ALL "  # noqa: S608 - our own words
                f"SELECT body, state, created_at FROM notes WHERE {_DUE} ORDER BY created_at LIMIT 20",
                values,
            ).fetchall()
        return [_reply(row["body"], row["state"]) for row in rows]


def _insert(db: Database, reply: Reply, person: str | None, *, remember: bool) -> None:
    db.table("outbox").insert({**_row(reply, person), "remembered": int(not remember)})


def _row(reply: Reply, person: str | None) -> dict[str, Any]:
    return {
        "id": reply.id,
        "channel": reply.channel,
        "person": person,
        "state": "answered",
        "body": json.dumps(reply.to_json()),
        "reason": "",
        "not_before": reply.created_at,
        "attempts": 0,
        "created_at": reply.created_at,
    }


def _table(reply_id: str) -> str:
    return "notes" if reply_id.endswith(_NOTE) else "outbox"


def _reply(body: str, state: str) -> Reply:
    return replace(Reply.from_json(json.loads(body)), state=state)
