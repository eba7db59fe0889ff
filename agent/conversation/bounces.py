"""Answers that came back: which, why, and which addresses nothing is written to any more (rule E57).

Owns: the table `bounces`.
Does not know: what a server's report looks like (the mail channel reads it), nor how replies are sent.

Whoever reports must name the outgoing id of a reply, which nobody can guess: only where it was sent to is it known.
"""

from __future__ import annotations

import json
import re
import time

from agent.conversation import journal
from agent.conversation.people import comparable
from agent.database import Database
from agent.message import Reply
from agent.store import Store

HARD_ENOUGH = 2  # answers that came back for good before an address is left alone
_SAID = 300  # characters


class Bounces:
    """What came back."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(self, outgoing_id: str, *, action: str, status: str, said: str) -> bool:
        """Notes what a server reports about a reply; a repeat changes nothing.

        Args:
            outgoing_id: The reply's own.
            action: What became of it, as RFC 3464 has it; anything but failed and delayed is no bad news.
            status: The status code, such as 5.1.1; empty where none was given.
            said: The server's words.

        Returns:
            Whether there is such a reply.
        """
        with self._store.transaction() as db:
            found = _reply(db, outgoing_id)
            if found is None:
                return False
            reply, person = found
            detail = " ".join(f"{status} {said}".split())[:_SAID]
            if action.lower() == "delayed":
                journal.note(db, "reply.delayed", message_id=reply.message_id, person=person, detail=detail)
            elif action.lower() == "failed":
                self._came_back(db, reply, person, status, detail)
            return True

    def _came_back(self, db: Database, reply: Reply, person: str, status: str, detail: str) -> None:
        known = db.conn.execute("SELECT 1 FROM bounces WHERE reply = ?", [reply.id]).fetchone()
        if known:
            return
        address = comparable("mail", reply.recipient)
        hard = bool(re.fullmatch(r"5\.\d{1,3}\.\d{1,3}", status.strip()))
        db.conn.execute(
            "INSERT INTO bounces (reply, message, address, hard, said, at) VALUES (?, ?, ?, ?, ?, ?)",
            [reply.id, reply.message_id, address, int(hard), detail, time.time()],
        )
        journal.note(db, "reply.returned", message_id=reply.message_id, person=person, detail=detail)
        if hard and _count(db, address) == HARD_ENOUGH:
            journal.note(db, "address.silenced", person=person, detail=address[:200])

    def silenced(self) -> list[dict[str, object]]:
        """The addresses that nothing is written to any more, each with what came back last."""
        with self._store.reading() as db:
            rows = db.conn.execute(
                "SELECT address, count(*) AS count, max(at) AS at, said FROM bounces WHERE hard = 1 AND forgiven = 0 "
                "GROUP BY address HAVING count(*) >= ? ORDER BY at DESC LIMIT 100",
                [HARD_ENOUGH],
            ).fetchall()
        return [dict(row) for row in rows]

    def forgive(self, address: str) -> None:
        """From now on the address is written to again."""
        with self._store.transaction() as db:
            address = comparable("mail", address)
            if db.conn.execute(
                "UPDATE bounces SET forgiven = 1 WHERE address = ? AND hard = 1 AND forgiven = 0", [address]
            ).rowcount:
                journal.note(db, "address.forgiven", detail=address[:200])


def silenced(db: Database, address: str) -> str:
    """Why nothing is written to this address any more, in words; empty if that is not so."""
    count = _count(db, address)
    return f"the last {count} answers to this address came back" if count >= HARD_ENOUGH else ""


def _count(db: Database, address: str) -> int:
    row = db.conn.execute(
        "SELECT count(*) AS count FROM bounces WHERE address = ? AND hard = 1 AND forgiven = 0", [address]
    ).fetchone()
    return int(row["count"])


def _reply(db: Database, outgoing_id: str) -> tuple[Reply, str] | None:
    for table in ("outbox", "notes"):
        row = db.conn.execute(
            f"SELECT body, person FROM {table} WHERE json_extract(body, '$.outgoing_id') = ?",  # noqa: S608 - our own words
            [outgoing_id],
        ).fetchone()
        if row:
            return Reply.from_json(json.loads(row["body"])), str(row["person"] or "")
    return None
