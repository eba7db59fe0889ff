"""What the mail channel must remember: how far it has read, how often a mail was tried, and which mails are to be marked as answered.

Owns: `mail.db`.
Does not know: IMAP. Losing the file loses no mail: the channel then begins with what comes next.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database, Migrations

from agent.store import Store

migrations = Migrations("mail")


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

    def tried(self, folder: str, validity: int, uid: int, *, by: int = 1) -> None:
        """Counts a try of this mail, or takes one back.

        Args:
            folder: Its folder.
            validity: The folder's UIDVALIDITY.
            uid: Which mail.
            by: 1, or -1 for a try that turned out harmless.
        """
        with self._store.transaction() as db:
            db.conn.execute(
                "INSERT INTO tries VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                [self._account, folder, validity, uid, by],
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
