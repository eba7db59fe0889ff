"""SQLite as the house uses it: one file a service, write-ahead log, foreign keys, vectors, numbered migrations.

Owns: opening a database safely and for this process alone, applying its migrations, and giving out one transaction at a time.
Does not know: any table.

One connection serves the whole process behind a lock: a household writes a few rows a minute, and one writer at a time is what
SQLite does anyway. sqlite-utils works on top; its `atomic()` makes nested writes one transaction.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

from agent import free_disk
from agent.database import Database, Migrations
from agent.errors import ConflictError, StorageError, UnavailableError

_BUSY_S = 10.0
_FULL, _MAKE_ROOM = "The disk is full.", "Make room on the box, then try again."


class Store:
    """One database file."""

    def __init__(self, path: Path, migrations: Migrations) -> None:
        """Opens the file, or makes it, and brings its tables up to date.

        Raises:
            StorageError: The file cannot be opened or written, or is damaged.
            UnavailableError: This Python's sqlite3 cannot load extensions.
            ConflictError: Another process has the file open; two would answer everything twice.
        """
        self._lock = threading.RLock()
        self.path = path
        with _storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            claim = _claim(path)
            connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False, isolation_level=None)
            self._finalizer = weakref.finalize(self, _close, connection, claim)
            self._finalizer.atexit = (
                False  # threads may be in the middle of a statement; the kernel closes as well
            )
            connection.row_factory = sqlite3.Row
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                "wal_autocheckpoint=256",
            ):
                connection.execute(f"PRAGMA {pragma}")
            load_vectors(connection)
            self._database = Database(connection)
            migrations.apply(self._database)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Database]:
        """All that happens in the block is committed together, or not at all.

        Raises:
            StorageError: The disk is full or does not take the write; nothing of the block was kept.
        """
        with self._lock, _storage_errors(self.path), self._atomic():
            yield self._database

    @contextlib.contextmanager
    def reading(self) -> Iterator[Database]:
        """For a block that only reads."""
        with self._lock, _storage_errors(self.path):
            yield self._database

    def _atomic(self) -> contextlib.AbstractContextManager[object]:
        return self._database.atomic() if self._database.conn.in_transaction else _immediate(self._database)

    def room(self) -> int:
        """Bytes of the disk that something new may take; not what is kept for a full disk.

        Raises:
            StorageError: The disk does not say.
        """
        with _storage_errors(self.path):
            return free_disk.room(self.path.parent)

    def demand_room(self, more: int) -> None:
        """Looks whether there is room for something new.

        Args:
            more: Its bytes.

        Raises:
            StorageError: There is not; nothing was written.
        """
        if self.room() < more:
            raise StorageError(_FULL, hint=_MAKE_ROOM)

    def check(self) -> None:
        """Asks SQLite whether the file is sound.

        Raises:
            StorageError: It is not.
        """
        with self.reading() as database:
            verdict = database.conn.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise StorageError(
                f"The database {self.path.name} is damaged: {verdict}", hint="Restore the last backup."
            )

    def close(self) -> None:
        """Closes the file; the log is folded into it."""
        with self._lock:
            self._finalizer()


@contextlib.contextmanager
def _immediate(database: Database) -> Iterator[None]:
    """Takes the write lock at once, so that a transaction never fails half-way for want of it."""
    database.conn.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.conn.execute("COMMIT")
    except BaseException:
        database.rollback()
        raise


def _close(connection: sqlite3.Connection, claim: int) -> None:
    connection.close()
    os.close(claim)


def _claim(path: Path) -> int:
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(
            descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB
        )  # the kernel gives it back however the process ends
    except BlockingIOError as taken:
        os.close(descriptor)
        raise ConflictError(
            f"Another process works with {path.name}.", hint="Only one Nisse may use a NISSE_HOME at a time."
        ) from taken
    return descriptor


def load_vectors(connection: sqlite3.Connection) -> None:
    """Lets a connection work with tables of vectors.

    Raises:
        UnavailableError: This Python's sqlite3 cannot load extensions.
        sqlite3.OperationalError: sqlite-vec is not there.
    """
    enable: Callable[[bool], None] | None = getattr(connection, "enable_load_extension", None)
    if enable is None:
        raise UnavailableError(
            "This Python's sqlite3 cannot load extensions, which sqlite-vec needs.",
            hint="Use the system's Python (on Debian /usr/bin/python3); `make run` picks one that can.",
        )
    enable(True)
    connection.load_extension(_vector_library())
    enable(False)


def _vector_library() -> str:
    """Where sqlite-vec keeps its library. Its Python, which would import numpy, is not needed for that."""
    package = importlib.util.find_spec("sqlite_vec")
    folder = (package.submodule_search_locations or [""])[0] if package else ""
    return str(Path(folder) / "vec0")


@contextlib.contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.DatabaseError, OSError) as failed:
        if isinstance(failed, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        full = "full" in str(failed) or "No space" in str(failed) or "disk I/O" in str(failed)
        message = _FULL if full else f"The database {path.name} does not take this: {failed}."
        raise StorageError(message, hint=_MAKE_ROOM if full else "") from failed
