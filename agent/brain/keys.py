"""API keys: for programs that ask the brain from elsewhere, each to be revoked alone.

Owns: `brain.db`, where each key stands with its name and its hash, from which nobody can get back to the key.
Does not know: HTTP, nor what a key lets its holder do.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from agent import logs
from agent.database import Database, Migrations
from agent.errors import ConflictError, NotFoundError, RequestError, StorageError
from agent.store import Store

_log = logging.getLogger(__name__)

PREFIX = "nisse-"
_RANDOM_BYTES = 32
_MOST = 100
_WRITE_EVERY_S = 60.0  # SD cards wear: when a key was last used is not written more often
# It is a part of an address when the key is revoked, where `.` and `..` would mean something else.
_NAME = re.compile(r"[^\W_][\w .@-]{0,59}")

_migrations = Migrations("brain")


@_migrations()
def _first(database: Database) -> None:
    database.conn.execute(
        """
        CREATE TABLE keys (
            hash TEXT PRIMARY KEY,   -- sha256; the key has 256 random bits, so that nothing slower is needed
            name TEXT NOT NULL,
            created_at REAL NOT NULL,
            used_at REAL,
            revoked_at REAL
        )"""
    )
    database.conn.execute("CREATE UNIQUE INDEX keys_in_force ON keys (name) WHERE revoked_at IS NULL")


@dataclass(frozen=True, kw_only=True)
class Key:
    """What is known of a key."""

    name: str
    created_at: float
    used_at: float | None
    revoked_at: float | None


class Keys:
    """The keys of one brain."""

    def __init__(self, path: Path) -> None:
        """Opens the file, or makes it.

        Raises:
            StorageError: It cannot be opened or written.
            ConflictError: Another brain works with it.
        """
        self._store = Store(path, _migrations)
        self._lock = threading.Lock()
        self._used: dict[str, float] = {}  # by hash: not written yet
        self._written = time.monotonic()

    def new(self, name: str) -> str:
        """Makes a key, which is not kept: whoever loses it needs another.

        Raises:
            RequestError: The name will not do, or there are too many.
            ConflictError: A key in force has this name.
        """
        name = name.strip()
        if not _NAME.fullmatch(name):
            raise RequestError(
                "A key's name has 1 to 60 letters, digits, spaces, or signs of . @ _ -, and begins with a letter or digit.",
                param="name",
            )
        key = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        with self._store.transaction() as database:
            in_force = {row["name"] for row in database["keys"].rows_where("revoked_at IS NULL")}
            if name in in_force:
                raise ConflictError(
                    f"There is a key {name!r} already.", hint="Revoke it, or take another name."
                )
            if len(in_force) >= _MOST:
                raise RequestError(f"There are {_MOST} keys already.", hint="Revoke those that nobody uses.")
            database.table("keys").insert({"hash": _hash(key), "name": name, "created_at": time.time()})
        return key

    def revoke(self, name: str) -> None:
        """From now on this key is refused.

        Raises:
            NotFoundError: No key in force has this name.
        """
        with self._store.transaction() as database:
            changed = database.conn.execute(
                "UPDATE keys SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL", (time.time(), name)
            ).rowcount
            database.conn.execute(
                """DELETE FROM keys WHERE revoked_at IS NOT NULL AND hash NOT IN
                (SELECT hash FROM keys WHERE revoked_at IS NOT NULL ORDER BY revoked_at DESC LIMIT ?)""",
                (_MOST,),
            )
        if not changed:
            raise NotFoundError(f"There is no key {name!r}.", hint="`nisse key list` shows them.")

    def everything(self) -> list[Key]:
        """All keys that there are or were, the oldest first."""
        self._write_used()
        with self._store.reading() as database:
            rows = list(database["keys"].rows_where(order_by="created_at"))
        return [Key(**{name: value for name, value in row.items() if name != "hash"}) for row in rows]

    def holder(self, key: str) -> str:
        """The name of a key in force; empty if this is none."""
        if not key.startswith(PREFIX):
            return ""
        digest = _hash(key)
        with self._store.reading() as database:
            row = database.conn.execute(
                "SELECT name FROM keys WHERE hash = ? AND revoked_at IS NULL", (digest,)
            ).fetchone()
        if row is None:
            return ""
        with self._lock:
            self._used[digest] = time.time()
            due = time.monotonic() - self._written >= _WRITE_EVERY_S
        if due:
            self._write_used()
        return str(row["name"])

    def close(self) -> None:
        """Writes what is not written yet, and closes the file."""
        self._write_used()
        self._store.close()

    def _write_used(self) -> None:
        with self._lock:
            used, self._used, self._written = self._used, {}, time.monotonic()
        if not used:
            return
        try:
            with self._store.transaction() as database:
                database.conn.executemany(
                    "UPDATE keys SET used_at = ? WHERE hash = ?",
                    [(at, digest) for digest, at in used.items()],
                )
        except StorageError as failed:  # nobody is refused an answer because of a note
            logs.event(_log, "keys.unwritten", level=logging.WARNING, error=failed)
            with self._lock:
                self._used = used | self._used


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
