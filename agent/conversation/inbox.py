"""The inbox: messages from their arrival until they are answered.

Owns: the states received, claimed and refused of the tables `inbox` and `attachments`, and who is served first.
Does not know: how a message is answered (`worker`), nor how a reply goes out (`outbox`).
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace

from sqlite_utils import Database

from agent.conversation import admission, journal, turn
from agent.conversation.people import People, comparable
from agent.errors import NotFoundError
from agent.message import ASSERTED, UNVERIFIED, Attachment, Message, Person
from agent.store import Store

_INTERACTIVE_CHANNELS = ("console", "portal")  # somebody sits there and waits
_UNREADABLE_S = 60.0
_REFUSED_KEPT = 1_000  # strangers must not fill the disk


@dataclass(frozen=True, kw_only=True)
class Received:
    """A message with what the house knows of it."""

    message: Message
    person: Person | None
    state: str
    reason: str
    received_at: float
    thinks: bool  # only the brain can answer it
    attempts: int  # that broke, before this one


class Inbox:
    """The messages in the database."""

    def __init__(self, store: Store, people: People) -> None:
        self._store = store
        self._people = people

    def receive(self, message: Message) -> str:
        """Keeps a message; once this returns, it will not be lost. A repeat changes nothing.

        Returns:
            The message's state.

        Raises:
            StorageError: The disk is full; nothing was kept, the channel offers it again.
        """
        kind = message.address_kind or message.channel
        person = self._people.known(kind, message.sender)
        # Until the channels say how sure the sender is, nothing less than before is answered.
        judged = replace(message, level=ASSERTED) if message.level == UNVERIFIED else message
        found = admission.refusal(judged, person)
        refused = found.why if found else ""
        with self._store.transaction() as db:
            state = _state(db, message.id)
            if state:
                return state
            _insert(db, message, person, refused)
            detail = refused or message.channel
            what = "message.refused" if refused else "message.received"
            sender = person.id if person else comparable(kind, message.sender)[:200]
            journal.note(db, what, message_id=message.id, person=sender, detail=detail)
            return "refused" if refused else "received"

    def claim(self, *, interactive_only: bool, brain: bool = True) -> Received | None:
        """Takes the message that is to be answered next, or None if none can be answered now.

        Args:
            interactive_only: Only what somebody sits and waits for.
            brain: Whether to take what needs the brain; the rest goes ahead of it (rule 7).

        Who waits at a screen goes first (rule 5), then whoever wrote first. What was written later in a thread waits for
        what was written before.
        """
        with self._store.transaction() as db:
            row = db.conn.execute(
                """
                SELECT id FROM inbox AS candidate
                WHERE state = 'received' AND not_before <= ? AND interactive >= ? AND thinks <= ? AND (
                    thinks = 0 OR NOT EXISTS (
                        SELECT 1 FROM inbox WHERE thread = candidate.thread AND state IN ('received', 'claimed')
                        AND (received_at, rowid) < (candidate.received_at, candidate.rowid)))
                ORDER BY interactive DESC, received_at, rowid LIMIT 1
                """,
                [time.time(), int(interactive_only), int(brain)],
            ).fetchone()
            if row is None:
                return None
            db.conn.execute("UPDATE inbox SET state = 'claimed' WHERE id = ?", [row["id"]])
        try:
            return self.find(row["id"])
        except Exception:
            self.release(row["id"], "it could not be read", _UNREADABLE_S, broke=True)
            raise

    def release(self, message_id: str, reason: str, after: float, *, broke: bool = False) -> None:
        """Gives a claimed message back, to be tried again.

        Args:
            message_id: Which message.
            reason: Why it could not be answered now.
            after: Seconds to wait first.
            broke: It was the message's own fault, as far as one can tell; such attempts are counted.
        """
        with self._store.transaction() as db:
            db.conn.execute(
                "UPDATE inbox SET state = 'received', reason = ?, not_before = ?, attempts = attempts + ? "
                "WHERE id = ? AND state = 'claimed'",
                [reason, time.time() + after, int(broke), message_id],
            )

    def turn_away(self, person_id: str) -> None:
        """Refuses what somebody wrote who has left the household, as far as it is not answered already."""
        with self._store.transaction() as db:
            db.conn.execute(
                "UPDATE inbox SET state = 'refused', reason = 'the sender left the household' "
                "WHERE person = ? AND state IN ('received', 'claimed')",
                [person_id],
            )
            db.conn.execute(
                "UPDATE notes SET state = 'dropped', reason = 'the sender left the household' "
                "WHERE person = ? AND state = 'answered'",
                [person_id],
            )

    def recover(self) -> int:
        """Gives back what was claimed when the process ended. Returns how many messages that were."""
        with self._store.transaction() as db:
            return db.conn.execute("UPDATE inbox SET state = 'received' WHERE state = 'claimed'").rowcount

    def find(self, message_id: str) -> Received:
        """One message, with its attachments as long as they are needed.

        Raises:
            NotFoundError: There is no such message.
        """
        with self._store.reading() as db:
            row = db.conn.execute("SELECT * FROM inbox WHERE id = ?", [message_id]).fetchone()
            if row is None:
                raise NotFoundError("There is no such message.")
            files = db.conn.execute(
                "SELECT * FROM attachments WHERE message = ? ORDER BY position", [message_id]
            )
            attachments = tuple(
                Attachment(name=file["name"], media_type=file["media_type"], data=file["data"])
                for file in files
            )
        message = replace(Message.from_json(json.loads(row["body"])), attachments=attachments)
        person = next((person for person in self._people.everybody() if person.id == row["person"]), None)
        return Received(
            message=message,
            person=person,
            state=row["state"],
            reason=row["reason"],
            received_at=row["received_at"],
            thinks=bool(row["thinks"]),
            attempts=row["attempts"],
        )

    def counts(self) -> dict[str, int]:
        """How many messages are in each state."""
        with self._store.reading() as db:
            return dict(db.conn.execute("SELECT state, count(*) FROM inbox GROUP BY state").fetchall())


def thread_key(message: Message) -> str:
    """The thread's name: one channel's threads never mix with another's, nor one sender's with another's."""
    return f"{message.channel}:{message.sender}:{message.thread or message.native_id}"


def _state(db: Database, message_id: str) -> str:
    row = db.conn.execute("SELECT state FROM inbox WHERE id = ?", [message_id]).fetchone()
    return row["state"] if row else ""


def _insert(db: Database, message: Message, person: Person | None, refused: str) -> None:
    now = time.time()
    kept = replace(message, attachments=(), text="" if refused else message.text)
    db.table("inbox").insert(
        {
            "id": message.id,
            "channel": message.channel,
            "person": person.id if person else None,
            "thread": thread_key(message),
            "interactive": int(message.channel in _INTERACTIVE_CHANNELS),
            "thinks": int(not message.problem and turn.wish(message).kind == "question"),
            "state": "refused" if refused else "received",
            "body": json.dumps(kept.to_json()),
            "reason": refused,
            "received_at": now,
            "not_before": now,
            "attempts": 0,
        }
    )
    if refused:
        db.conn.execute(
            "DELETE FROM inbox WHERE state = 'refused' AND id NOT IN "
            "(SELECT id FROM inbox WHERE state = 'refused' ORDER BY received_at DESC LIMIT ?)",
            [_REFUSED_KEPT],
        )
        return
    for position, file in enumerate(message.attachments):
        db.conn.execute(
            "INSERT INTO attachments VALUES (?, ?, ?, ?, ?)",
            [message.id, position, file.name, file.media_type, file.data],
        )
