"""Mails of which it cannot be known yet who wrote them, because no name server answers: to be taken again later.

Owns: which those are, when each is due, and when nobody waits any longer.
Does not know: name servers or mails. The mails behind them in the folder do not wait.
"""

from __future__ import annotations

import time

from agent.channels.mail.journal import migrations
from agent.database import Database
from agent.store import Store

_FIRST_S = 30.0
_LONGEST_S = 900.0
_PATIENCE_S = 6 * 3600.0  # longer than any name server is away; a person who wrote waits as well


@migrations()
def m0100_postponed(db: Database) -> None:
    """Mails that are to be taken again."""
    db.executescript(
        """
        CREATE TABLE postponed (
            account TEXT NOT NULL, folder TEXT NOT NULL, validity INTEGER NOT NULL, uid INTEGER NOT NULL,
            since REAL NOT NULL,                      -- when it was taken first
            arrived_at REAL NOT NULL,
            due REAL NOT NULL, tries INTEGER NOT NULL,
            PRIMARY KEY (account, folder, validity, uid)
        ) WITHOUT ROWID;
        """
    )


class Postponed:
    """One account's mails of this kind."""

    def __init__(self, store: Store, account: str) -> None:
        """Keeps the file in mind.

        Args:
            store: The opened `mail.db`.
            account: The account's key.
        """
        self._store = store
        self._account = account

    def later(self, folder: str, validity: int, uid: int, arrived_at: float) -> None:
        """This mail is to be taken again, each time after a longer while."""
        now = time.time()
        with self._store.transaction() as db:
            row = db.conn.execute(
                "SELECT since, tries FROM postponed WHERE account = ? AND folder = ? AND validity = ? AND uid = ?",
                [self._account, folder, validity, uid],
            ).fetchone()
            since, tries = (row["since"], row["tries"]) if row else (now, 0)
            due = now + min(_LONGEST_S, _FIRST_S * 2.0**tries)
            db.conn.execute(
                "INSERT OR REPLACE INTO postponed VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [self._account, folder, validity, uid, since, arrived_at, due, tries + 1],
            )

    def is_last_try(self, folder: str, validity: int, uid: int) -> bool:
        """Whether this mail has waited so long that it is now taken as it is."""
        with self._store.reading() as db:
            row = db.conn.execute(
                "SELECT since FROM postponed WHERE account = ? AND folder = ? AND validity = ? AND uid = ?",
                [self._account, folder, validity, uid],
            ).fetchone()
        return bool(row) and time.time() - float(row["since"]) > _PATIENCE_S

    def due(self, folder: str, validity: int) -> list[int]:
        """The uids of the mails that are to be taken now."""
        with self._store.reading() as db:
            rows = db.conn.execute(
                "SELECT uid FROM postponed WHERE account = ? AND folder = ? AND validity = ? AND due <= ? "
                "ORDER BY uid LIMIT 20",
                [self._account, folder, validity, time.time()],
            ).fetchall()
        return [int(row["uid"]) for row in rows]

    def done(self, folder: str, validity: int, uid: int) -> None:
        """This mail was taken."""
        with self._store.transaction() as db:
            db.conn.execute(
                "DELETE FROM postponed WHERE account = ? AND folder = ? AND validity = ? AND uid = ?",
                [self._account, folder, validity, uid],
            )

    def renumbered(self, folder: str, validity: int) -> float | None:
        """All mails have new uids: when the first of those that wait had arrived, so that reading begins again there; None: none waits."""
        with self._store.transaction() as db:
            where = [self._account, folder, validity]
            row = db.conn.execute(
                "SELECT min(arrived_at) AS first FROM postponed WHERE account = ? AND folder = ? AND validity != ?",
                where,
            ).fetchone()
            db.conn.execute("DELETE FROM postponed WHERE account = ? AND folder = ? AND validity != ?", where)
        return None if row["first"] is None else float(row["first"])
