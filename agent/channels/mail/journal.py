"""What the mail channel must remember: how far it has read, what was tried, set aside and refused, what is still to be marked.

Owns: `mail.db`.
Does not know: IMAP. Losing the file loses no mail: the channel then begins with what comes next.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.database import Database, Migrations
from agent.store import Store

migrations = Migrations("mail")

_SET_ASIDE_KEPT = 50


@migrations()
def m0001_cursors_tries_and_marks(db: Database) -> None:
    """How far each folder was read; how often a mail was tried; which mails are still to be marked."""
    db.executescript(
        """
        CREATE TABLE cursors (
            account TEXT NOT NULL, folder TEXT NOT NULL,
            validity INTEGER NOT NULL,                -- the folder's UIDVALIDITY: when it changes, uids mean nothing any more
            uid INTEGER NOT NULL,                     -- the last one dealt with
            since REAL NOT NULL,                      -- mails that arrived before are not answered, whatever their uid
            newest REAL NOT NULL,                     -- when the newest mail dealt with arrived
            PRIMARY KEY (account, folder)
        ) WITHOUT ROWID;
        CREATE TABLE tries (                          -- of the mails behind the cursor
            account TEXT NOT NULL, folder TEXT NOT NULL, validity INTEGER NOT NULL, uid INTEGER NOT NULL,
            count INTEGER NOT NULL,
            PRIMARY KEY (account, folder, validity, uid)
        ) WITHOUT ROWID;
        CREATE TABLE marks (
            account TEXT NOT NULL, folder TEXT NOT NULL, validity INTEGER NOT NULL, uid INTEGER NOT NULL,
            PRIMARY KEY (account, folder, validity, uid)
        ) WITHOUT ROWID;
        """
    )


@migrations()
def m0002_refusals_and_set_aside(db: Database) -> None:
    """How often a password was refused, also before this start; the mails that were left where they are."""
    db.executescript(
        """
        CREATE TABLE refusals (
            account TEXT NOT NULL, way TEXT NOT NULL, -- receiving or sending
            login TEXT NOT NULL,                      -- stands for user and password; others begin anew
            count INTEGER NOT NULL, at REAL NOT NULL,
            PRIMARY KEY (account, way)
        ) WITHOUT ROWID;
        CREATE TABLE set_aside (
            id INTEGER PRIMARY KEY, account TEXT NOT NULL,
            folder TEXT NOT NULL, validity INTEGER NOT NULL, uid INTEGER NOT NULL,
            at REAL NOT NULL, sender TEXT NOT NULL, subject TEXT NOT NULL, why TEXT NOT NULL,
            UNIQUE (account, folder, validity, uid)
        );
        """
    )


@migrations()
def m0003_permissions(db: Database) -> None:
    """Permissions that a provider put in the place of the one in the settings."""
    db.executescript(
        """
        CREATE TABLE permissions (
            account TEXT PRIMARY KEY,
            given TEXT NOT NULL,                      -- stands for the one in the settings: another one there counts again
            refresh_token TEXT NOT NULL
        ) WITHOUT ROWID;
        """
    )


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """How far a folder was read."""

    validity: int
    uid: int
    newest: float  # when the newest mail dealt with arrived, in seconds since 1970
    since: float = 0.0  # mails that arrived before are not answered


def opened(home: Path) -> Store:
    """The file, for all accounts of this process.

    Args:
        home: NISSE_HOME.

    Raises:
        StorageError: The file cannot be opened.
    """
    return Store(home / "mail.db", migrations)


class Journal:
    """One account's memory."""

    def __init__(self, store: Store, account: str) -> None:
        """Keeps the file in mind.

        Args:
            store: The opened file.
            account: The account's key: another account begins anew.
        """
        self._store = store
        self._account = account

    @property
    def account(self) -> str:
        """The account's key."""
        return self._account

    @property
    def store(self) -> Store:
        """The file, for what else is kept in it."""
        return self._store

    def cursor(self, folder: str) -> Cursor | None:
        """How far the folder was read, or None if it never was."""
        with self._store.reading() as db:
            row = db.conn.execute(
                "SELECT * FROM cursors WHERE account = ? AND folder = ?", [self._account, folder]
            ).fetchone()
        if row is None:
            return None
        return Cursor(validity=row["validity"], uid=row["uid"], since=row["since"], newest=row["newest"])

    def move(self, folder: str, cursor: Cursor) -> None:
        """The folder was read so far."""
        with self._store.transaction() as db:
            db.conn.execute(
                "INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?, ?, ?)",
                [self._account, folder, cursor.validity, cursor.uid, cursor.since, cursor.newest],
            )
            db.conn.execute(
                "DELETE FROM tries WHERE account = ? AND folder = ? AND (uid <= ? OR validity != ?)",
                [self._account, folder, cursor.uid, cursor.validity],
            )

    def tries(self, folder: str, validity: int, uid: int) -> int:
        """How often this mail broke something."""
        with self._store.reading() as db:
            row = db.conn.execute(
                "SELECT count FROM tries WHERE account = ? AND folder = ? AND validity = ? AND uid = ?",
                [self._account, folder, validity, uid],
            ).fetchone()
        return int(row["count"]) if row else 0

    def tried(self, folder: str, validity: int, uid: int) -> None:
        """Counts a try of this mail.

        Args:
            folder: Its folder.
            validity: The folder's UIDVALIDITY.
            uid: Which mail.
        """
        with self._store.transaction() as db:
            db.conn.execute(
                "INSERT INTO tries VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
                [self._account, folder, validity, uid],
            )

    def set_aside(self, folder: str, validity: int, uid: int, *, sender: str, subject: str, why: str) -> None:
        """This mail was left where it is; the newest are kept in mind.

        Args:
            folder: Its folder.
            validity: The folder's UIDVALIDITY.
            uid: Which mail.
            sender: Who stands in From, as far as it could be read.
            subject: Its subject, likewise.
            why: Why, in words for the owner.
        """
        with self._store.transaction() as db:
            db.conn.execute(
                "INSERT OR IGNORE INTO set_aside (account, folder, validity, uid, at, sender, subject, why) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [self._account, folder, validity, uid, time.time(), sender[:300], subject[:300], why],
            )
            db.conn.execute(
                "DELETE FROM set_aside WHERE account = ? AND id NOT IN "
                "(SELECT id FROM set_aside WHERE account = ? ORDER BY id DESC LIMIT ?)",
                [self._account, self._account, _SET_ASIDE_KEPT],
            )

    def all_set_aside(self) -> list[dict[str, Any]]:
        """What was left where it is, newest first."""
        with self._store.reading() as db:
            rows = db.conn.execute(
                "SELECT folder, at, sender, subject, why FROM set_aside WHERE account = ? ORDER BY id DESC",
                [self._account],
            ).fetchall()
        return [dict(row) for row in rows]

    def refusals(self, way: str, login: str) -> tuple[int, float]:
        """How often this login was refused in a row, and when it last was."""
        with self._store.reading() as db:
            row = db.conn.execute(
                "SELECT count, at FROM refusals WHERE account = ? AND way = ? AND login = ?",
                [self._account, way, login],
            ).fetchone()
        return (row["count"], row["at"]) if row else (0, 0.0)

    def refused(self, way: str, login: str, count: int) -> None:
        """This login was refused so often in a row; 0: it was taken."""
        with self._store.transaction() as db:
            db.conn.execute(
                "INSERT OR REPLACE INTO refusals VALUES (?, ?, ?, ?, ?)",
                [self._account, way, login, count, time.time()],
            )

    def permission(self, given: str) -> str:
        """What the provider put in the place of the permission in the settings; empty: nothing."""
        with self._store.reading() as db:
            row = db.conn.execute(
                "SELECT refresh_token FROM permissions WHERE account = ? AND given = ?",
                [self._account, _digest(given)],
            ).fetchone()
        return str(row["refresh_token"]) if row else ""

    def keep_permission(self, given: str, newer: str) -> None:
        """From now on this permission holds in the place of the one in the settings."""
        with self._store.transaction() as db:
            db.conn.execute(
                "INSERT OR REPLACE INTO permissions VALUES (?, ?, ?)", [self._account, _digest(given), newer]
            )

    def mark_later(self, folder: str, validity: int, uid: int) -> None:
        """This mail was answered, and is to be marked so."""
        with self._store.transaction() as db:
            db.conn.execute(
                "INSERT OR IGNORE INTO marks VALUES (?, ?, ?, ?)", [self._account, folder, validity, uid]
            )

    def to_mark(self, folder: str, validity: int) -> list[int]:
        """The uids that are to be marked."""
        with self._store.reading() as db:
            rows = db.conn.execute(
                "SELECT uid FROM marks WHERE account = ? AND folder = ? AND validity = ? ORDER BY uid LIMIT 100",
                [self._account, folder, validity],
            ).fetchall()
        return [row["uid"] for row in rows]

    def marked(self, folder: str, validity: int, uids: list[int]) -> None:
        """These are marked; what an earlier validity left unmarked never can be."""
        with self._store.transaction() as db:
            for uid in uids:
                db.conn.execute(
                    "DELETE FROM marks WHERE account = ? AND folder = ? AND (uid = ? OR validity != ?)",
                    [self._account, folder, uid, validity],
                )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:16]
