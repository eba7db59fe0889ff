"""What is not answered: how much of it is kept, and how somebody has it answered after all.

Owns: the rows of `inbox` in the state refused, their bounds, and the table `storms`.
Does not know: why something is refused (`admission`).

A storm of bounces must neither fill the disk nor hide everything else: of what is alike only the first ones are kept, the others are
counted. What a person wrote who belongs here, but at a bad moment, is held whole: it can still be answered.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace

from agent.conversation import bounces, capability, journal
from agent.conversation.notice import EVERY_S
from agent.database import Database
from agent.errors import ConflictError, NotFoundError
from agent.message import ASSERTED, VERIFIED, Message
from agent.store import Store

HOLDABLE = ("E17", "E18", "E57")  # rules that judge the moment or the proof, not the mail

_KEPT = 1_000  # rows
_HELD = 100  # rows
_HELD_BYTES = 100_000_000  # of their attachments together
_ALIKE = 50  # from one address by one rule within a day; from then on they are counted
_DAY_S = 24 * 3600.0
_STORMS = 1_000  # rows


class Refused:
    """What is not answered."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def admit(self, message_id: str, *, by: str) -> None:
        """Has a message that is held answered after all.

        Args:
            message_id: Which message.
            by: Id of the person who wants it; logged in, so for their own message nothing is left to prove.

        Raises:
            NotFoundError: There is no such message.
            ConflictError: It is not held, or nothing is written to its sender's address any more.
        """
        with self._store.transaction() as db:
            row = db.conn.execute("SELECT * FROM inbox WHERE id = ?", [message_id]).fetchone()
            if row is None:
                raise NotFoundError("There is no such message.")
            if not row["held"]:
                raise ConflictError("This message is not waiting for that.", hint="Open the page again.")
            if bounces.silenced(db, row["address"]):
                raise ConflictError(
                    "Answers to this address come back.",
                    hint="Let the house write to it again first, or ask in the browser.",
                )
            message = Message.from_json(json.loads(row["body"]))
            level = VERIFIED if row["person"] == by else ASSERTED
            if not capability.reaches(message.level, level):
                message = replace(message, level=level)
            db.conn.execute(
                "UPDATE inbox SET state = 'received', held = 0, rule = '', reason = '', not_before = ?, body = ? WHERE id = ?",
                [time.time(), json.dumps(message.to_json()), message_id],
            )
            journal.note(db, "message.admitted", message_id=message_id, person=by)


def is_storm(db: Database, address: str, rule: str) -> bool:
    """Whether so many like it are kept that it is only counted; then it is."""
    now = time.time()
    row = db.conn.execute(
        "SELECT count(*) AS count FROM inbox WHERE state = 'refused' AND address = ? AND rule = ? AND received_at > ?",
        [address, rule, now - _DAY_S],
    ).fetchone()
    if row["count"] < _ALIKE:
        return False
    db.conn.execute(
        "INSERT INTO storms (address, rule, count, since, newest) VALUES (:address, :rule, 1, :now, :now) "
        "ON CONFLICT DO UPDATE SET count = count + 1, newest = :now",
        {"address": address, "rule": rule, "now": now},
    )
    db.conn.execute(
        "DELETE FROM storms WHERE newest < (SELECT newest FROM storms ORDER BY newest DESC LIMIT 1 OFFSET ?)",
        [_STORMS],
    )
    return True


def can_be_held(db: Database, message: Message, rule: str) -> bool:
    """Whether a refused message of a member's is kept whole."""
    if rule not in HOLDABLE or message.automatic:
        return False
    row = db.conn.execute(
        "SELECT coalesce(sum(length(data)), 0) AS bytes FROM attachments JOIN inbox ON inbox.id = message WHERE held = 1"
    ).fetchone()
    return int(row["bytes"]) + sum(len(file.data) for file in message.attachments) <= _HELD_BYTES


def is_notice_due(db: Database, thread: str) -> bool:
    """Whether the last notice in this thread, which is one for each sender, is long enough ago."""
    row = db.conn.execute(
        "SELECT 1 FROM inbox WHERE thread = ? AND state != 'refused' AND received_at > ?",
        [thread, time.time() - EVERY_S],
    ).fetchone()
    return row is None


def tidy(db: Database) -> None:
    """Keeps the newest only."""
    db.conn.execute(
        "DELETE FROM inbox WHERE state = 'refused' AND received_at < "
        "(SELECT received_at FROM inbox WHERE state = 'refused' ORDER BY received_at DESC LIMIT 1 OFFSET ?)",
        [_KEPT - 1],
    )
    too_many = "SELECT id FROM inbox WHERE state = 'refused' AND held = 1 ORDER BY received_at DESC LIMIT -1 OFFSET ?"
    for row in db.conn.execute(too_many, [_HELD]).fetchall():
        db.conn.execute(
            "UPDATE inbox SET held = 0, body = json_set(body, '$.text', '') WHERE id = ?", [row["id"]]
        )
        db.conn.execute("DELETE FROM attachments WHERE message = ?", [row["id"]])
