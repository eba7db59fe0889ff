"""What the decision on a message needs to know of those before it, and the decision.

Owns: counting earlier mails for the limits, halting the whole house, and knowing the house's own mails when they come back.
Does not know: the rules themselves (`admission`, `limits`), nor how a message is kept (`inbox`).
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass, replace

from agent.conversation import admission, bounces, journal, limits
from agent.conversation.limits import DAY_S, HOUR_S, RUN_S, Excess, Limits, Recent
from agent.database import Database
from agent.message import Message, Person, Refusal

INTERACTIVE_CHANNELS = ("console", "portal")  # somebody sits there and waits; nothing there is counted
_THREAD_LOOKED_AT = 50  # messages of a thread among which a repetition is sought
_OWN_ID = re.compile(r"<([0-9a-f]{40})@[^<>]*>")


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What was decided on a message, and what is kept with it for later ones."""

    refusal: Refusal | None
    excess: Excess | None = None  # if it was refused for that
    digest: str = ""
    repeated: bool = False


def judge(
    db: Database, message: Message, person: Person | None, *, address: str, thread: str, most: Limits
) -> Judgement:
    """Decides on a message, inside the transaction in which it is kept.

    Args:
        db: The database.
        message: What came in.
        person: Whose address the sender's is.
        address: The sender's address, comparable.
        thread: The thread's name.
        most: How many are answered.
    """
    if message.channel in INTERACTIVE_CHANNELS:
        return Judgement(refusal=admission.refusal(message, person))
    message = _knowing_own(db, message)
    refusal = admission.refusal(message, person, silenced=bounces.silenced(db, address))
    if refusal or person is None:
        return Judgement(refusal=refusal)
    digest = _digest(message.text)
    repeated = not digest or _said_before(db, thread, digest)
    excess = _excess(db, person.id, thread if repeated else "", most)
    if excess and excess.of_house:
        excess = replace(excess, until=_halt(db, excess.until))
    refusal = admission.refusal(message, person, excess=excess)
    return Judgement(refusal=refusal, excess=excess, digest=digest, repeated=repeated)


def halted_until(db: Database, now: float) -> float:
    """Until when the house answers no mail, in seconds since 1970; 0 if it does."""
    row = db.conn.execute("SELECT max(until) AS until FROM halts WHERE until > ? AND resumed = 0", [now])
    return float(row.fetchone()["until"] or 0.0)


def resume(db: Database) -> None:
    """Ends a halt; what came before it does not count any more for the whole house."""
    now = time.time()
    if halted_until(db, now):
        db.conn.execute("UPDATE halts SET resumed = ? WHERE resumed = 0", [now])
        journal.note(db, "mail.resumed")


def _knowing_own(db: Database, message: Message) -> Message:
    """A loop by way of somebody who forwards: the house's own mail, known by its Message-ID whatever was taken off it."""
    own = _OWN_ID.fullmatch(message.envelope.get("message_id", "") or message.native_id)
    if message.automatic or not own:
        return message
    for table in ("outbox", "notes"):
        query = f"SELECT 1 FROM {table} WHERE json_extract(body, '$.outgoing_id') = ?"  # noqa: S608 - our own words
        if db.conn.execute(query, [own[1]]).fetchone():
            return replace(message, rule="E16", automatic="the house itself wrote it (Message-ID)")
    return message


def _digest(text: str) -> str:
    words = " ".join(text.casefold().split())
    return hashlib.sha256(words.encode()).hexdigest()[:16] if words else ""


def _said_before(db: Database, thread: str, digest: str) -> bool:
    earlier = db.conn.execute(
        "SELECT digest FROM inbox WHERE thread = ? ORDER BY received_at DESC LIMIT ?",
        [thread, _THREAD_LOOKED_AT],
    )
    return any(row["digest"] == digest for row in earlier)


def _excess(db: Database, person: str, repeating: str, most: Limits) -> Excess | None:
    now = time.time()
    recent = Recent(
        sender_hour=_newest(db, most.sender_hour, now - HOUR_S, now, person),
        sender_day=_newest(db, most.sender_day, now - DAY_S, now, person),
        thread=_run(db, repeating, most.thread_run, now) if repeating else 0.0,
        house_hour=_newest(db, most.house_hour, max(now - HOUR_S, _resumed(db)), now),
        halted_until=halted_until(db, now),
    )
    return limits.excess(recent, most, now)


def _newest(db: Database, place: int, since: float, now: float, person: str = "") -> float:
    """When the mail at a place counted from the newest came; 0 if there were not so many."""
    theirs = "AND person = ? " if person else ""
    # What seems to come from the future came before the clock was set right; it must not count until then.
    row = db.conn.execute(
        f"SELECT received_at FROM inbox WHERE interactive = 0 AND rule = '' {theirs}"  # noqa: S608 - our own words
        "AND received_at > ? AND received_at <= ? ORDER BY received_at DESC LIMIT 1 OFFSET ?",
        [*([person] if person else []), since, now, place - 1],
    ).fetchone()
    return float(row["received_at"]) if row else 0.0


def _run(db: Database, thread: str, place: int, now: float) -> float:
    """As `_newest`, in one thread, back to the last mail that said something new."""
    rows = db.conn.execute(
        "SELECT received_at, repeated FROM inbox WHERE thread = ? AND rule = '' AND received_at > ? AND received_at <= ? "
        "ORDER BY received_at DESC LIMIT ?",
        [thread, now - RUN_S, now, place],
    ).fetchall()
    if len(rows) < place or not all(row["repeated"] for row in rows[: place - 1]):
        return 0.0
    return float(rows[-1]["received_at"])


def _resumed(db: Database) -> float:
    return float(db.conn.execute("SELECT max(resumed) AS at FROM halts").fetchone()["at"] or 0.0)


def _halt(db: Database, until: float) -> float:
    """Halts the house, if it is not halted: for an hour, and for a day if that was not the first time today."""
    now = time.time()
    running = halted_until(db, now)
    if running:
        return running
    db.conn.execute("DELETE FROM halts WHERE at < ?", [now - 7 * DAY_S])
    again = db.conn.execute("SELECT 1 FROM halts WHERE at > ? AND resumed = 0", [now - DAY_S]).fetchone()
    until = max(until, now + (DAY_S if again else HOUR_S))
    db.conn.execute("INSERT OR REPLACE INTO halts (at, until) VALUES (?, ?)", [now, until])
    journal.note(db, "mail.halted", detail="for a day" if again else "for an hour")
    return until
