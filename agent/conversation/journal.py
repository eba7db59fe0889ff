"""The journal: what happened to whom and when, for the owner to read.

Owns: the table `events`, kept to its newest rows.
Does not know: why anything happened. It never holds the text of a message.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from agent.database import Database

KEPT = 5_000
_TIDY_EVERY = 500


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of the journal."""

    kind: str  # noun.verb, such as "message.received"
    at: float  # seconds since 1970
    message_id: str = ""
    person: str = ""
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        """The event as JSON's own types."""
        return asdict(self)


def note(db: Database, kind: str, *, message_id: str = "", person: str = "", detail: str = "") -> None:
    """Writes one line, inside the transaction of what it tells of."""
    cursor = db.conn.execute(
        "INSERT INTO events (at, kind, message, person, detail) VALUES (?, ?, ?, ?, ?)",
        [time.time(), kind, message_id, person, detail[:500]],
    )
    if cursor.lastrowid and cursor.lastrowid % _TIDY_EVERY == 0:
        db.conn.execute("DELETE FROM events WHERE id <= ?", [cursor.lastrowid - KEPT])


def newest(db: Database, limit: int) -> list[Event]:
    """The last lines, newest first."""
    rows = db.conn.execute("SELECT * FROM events ORDER BY id DESC LIMIT ?", [limit]).fetchall()
    return [
        Event(
            kind=row["kind"],
            at=row["at"],
            message_id=row["message"] or "",
            person=row["person"] or "",
            detail=row["detail"],
        )
        for row in rows
    ]
