"""The inbox: messages from their arrival until they are answered.

Owns: the states received, claimed and refused of the tables `inbox` and `attachments`, and who is served first.
Does not know: how a message is answered (`worker`), nor how a reply goes out (`outbox`).
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace

from agent.conversation import journal, judging, notice, refused, turn
from agent.conversation.judging import Judgement
from agent.conversation.limits import Limits
from agent.conversation.people import People, comparable
from agent.database import Database
from agent.errors import NotFoundError
from agent.message import Attachment, Message, Person
from agent.store import Store

_UNREADABLE_S = 60.0
_LONGEST_ADDRESS = 300  # characters


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

    def __init__(self, store: Store, people: People, limits: Limits | None = None) -> None:
        """Puts the parts together.

        Args:
            store: The database.
            people: Who is known.
            limits: How many mails are answered; None: as many as the settings say by default.
        """
        self._store = store
        self._people = people
        self._limits = limits or Limits()

    def receive(self, message: Message) -> str:
        """Keeps a message; once this returns, it will not be lost. A repeat changes nothing.

        Returns:
            The message's state.

        Raises:
            StorageError: The disk is full; nothing was kept, the channel offers it again.
        """
        kind = message.address_kind or message.channel
        person = self._people.known(kind, message.sender)
        address = comparable(kind, message.sender)[:_LONGEST_ADDRESS]
        with self._store.transaction() as db:
            state = _state(db, message.id)
            if state:
                return state
            self._store.demand_room(len(message.text) + sum(len(each.data) for each in message.attachments))
            judgement = judging.judge(
                db, message, person, address=address, thread=thread_key(message), most=self._limits
            )
            if judgement.refusal:
                self._refuse(db, message, person, address, judgement)
                return "refused"
            _insert(db, message, person, address, judgement)
            _insert_attachments(db, message)
            sender = person.id if person else ""
            journal.note(db, "message.received", message_id=message.id, person=sender, detail=message.channel)
            return "received"

    def _refuse(
        self, db: Database, message: Message, person: Person | None, address: str, judgement: Judgement
    ) -> None:
        refusal = judgement.refusal
        if refusal is None or refused.is_storm(db, address, refusal.rule):
            return
        held = person is not None and refused.can_be_held(db, message, refusal.rule)
        _insert(db, message if held else replace(message, text=""), person, address, judgement, held=held)
        if held:
            _insert_attachments(db, message)
        refused.tidy(db)
        who = person.id if person else address
        detail = f"{refusal.why} ({refusal.rule})"
        journal.note(db, "message.refused", message_id=message.id, person=who, detail=detail)
        if judgement.excess and person:
            told = notice.notice(message, judgement.excess)
            if refused.is_notice_due(db, thread_key(told)):
                _insert(db, told, person, address, Judgement(refusal=None), about=refusal.rule)

    def announce(self, message: Message, person: Person, rule: str) -> None:
        """Keeps a message of the house's own, whose answer is ready; it counts for no limit. A repeat changes nothing.

        Args:
            message: Its problem is what the person is told.
            person: Who is told.
            rule: What stands where others have the rule by which they were decided on.

        Raises:
            StorageError: The disk is full; nothing was kept.
        """
        address = comparable(message.address_kind, message.sender)[:_LONGEST_ADDRESS]
        with self._store.transaction() as db:
            if not _state(db, message.id):
                _insert(db, message, person, address, Judgement(refusal=None), about=rule)
                journal.note(db, "message.announced", message_id=message.id, person=person.id)

    def knows(self, message_id: str) -> bool:
        """Whether there is such a message."""
        with self._store.reading() as db:
            return bool(_state(db, message_id))

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
                "UPDATE inbox SET state = 'refused', rule = 'E17', reason = 'the sender left the household' "
                "WHERE person = ? AND state IN ('received', 'claimed')",
                [person_id],
            )
            db.conn.execute(
                "UPDATE notes SET state = 'dropped', reason = 'the sender left the household' "
                "WHERE person = ? AND state = 'answered'",
                [person_id],
            )

    def leave(self, message_id: str, rule: str, why: str) -> None:
        """Refuses a claimed message after all."""
        with self._store.transaction() as db:
            db.conn.execute(
                "UPDATE inbox SET state = 'refused', rule = ?, reason = ? WHERE id = ? AND state = 'claimed'",
                [rule, why, message_id],
            )
            journal.note(db, "message.refused", message_id=message_id, detail=f"{why} ({rule})")

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


def _insert(
    db: Database,
    message: Message,
    person: Person | None,
    address: str,
    judgement: Judgement,
    *,
    held: bool = False,
    about: str = "",
) -> None:
    now = time.time()
    refusal = judgement.refusal
    db.table("inbox").insert(
        {
            "id": message.id,
            "channel": message.channel,
            "person": person.id if person else None,
            "thread": thread_key(message),
            "interactive": int(message.channel in judging.INTERACTIVE_CHANNELS),
            "thinks": int(not message.problem and turn.wish(message).kind == "question"),
            "state": "refused" if refusal else "received",
            "body": json.dumps(replace(message, attachments=()).to_json()),
            "reason": refusal.why if refusal else "",
            "received_at": now,
            "not_before": now,
            "attempts": 0,
            "rule": refusal.rule if refusal else about,
            "address": address,
            "held": int(held),
            "digest": judgement.digest,
            "repeated": int(judgement.repeated),
        }
    )


def _insert_attachments(db: Database, message: Message) -> None:
    for position, file in enumerate(message.attachments):
        db.conn.execute(
            "INSERT INTO attachments VALUES (?, ?, ?, ?, ?)",
            [message.id, position, file.name, file.media_type, file.data],
        )
