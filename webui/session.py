"""Sessions: which browser is whom.

Owns: `portal.db` with its table `sessions`, how long one lasts, the cookie, and the token against forged requests.
Does not know: passwords, nor what a person may do. A session's secret is in the cookie alone; the database has its sha256.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from flask import Request
from werkzeug.wrappers import Response

from agent.database import Database, Migrations
from agent.store import Store

COOKIE = "nisse_session"
IDLE_S = 12 * 3600.0
LONGEST_S = 30 * 24 * 3600.0
_SEEN_EVERY_S = 600.0  # SD cards wear: not every click is written down
_MOST = 500
_SECRET_LENGTH = 43  # 256 bits in base64

migrations = Migrations("portal")


@migrations()
def m0001_sessions(db: Database) -> None:
    """Sessions, and how far the wizard came."""
    db.executescript(
        """
        CREATE TABLE sessions (
            id TEXT PRIMARY KEY,           -- sha256 of the secret
            person TEXT NOT NULL,          -- empty: a browser that typed the claim code
            name TEXT NOT NULL, role TEXT NOT NULL, began_at REAL NOT NULL, seen_at REAL NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE progress (step TEXT NOT NULL);  -- at most one row: where the wizard goes on
        """
    )


@dataclass(frozen=True, kw_only=True)
class Session:
    """One browser, known or not."""

    secret: str
    person: str = ""  # the person's id; empty: nobody is logged in
    name: str = ""
    role: str = ""
    holds_code: bool = False  # it typed the claim code

    @property
    def is_owner(self) -> bool:
        """Whether an owner is logged in."""
        return bool(self.person) and self.role == "owner"

    @property
    def csrf(self) -> str:
        """What a form must bring back: made of the secret, so that nobody without it can make one."""
        return hmac.new(self.secret.encode(), b"csrf", hashlib.sha256).hexdigest()


class Sessions:
    """The sessions in the database."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        """Uses an open `portal.db`.

        Args:
            store: The database.
            clock: Seconds since 1970.
        """
        self._store = store
        self._clock = clock

    def of(self, request: Request) -> Session:
        """The session of a request. One that is unknown or over is a stranger's, with a secret of its own."""
        secret = request.cookies.get(COOKIE, "")
        if len(secret) != _SECRET_LENGTH or not secret.isascii():
            return Session(secret=secrets.token_urlsafe(32))
        return self._find(secret) or Session(secret=secret)

    def begin(self, person: str, name: str, role: str, *, instead_of: Session) -> Session:
        """A new session with a new secret; the one before is over.

        Args:
            person: The person's id, or empty for a browser that typed the claim code.
            name: How the page greets them.
            role: owner or member.
            instead_of: The session that the browser had.
        """
        session = Session(
            secret=secrets.token_urlsafe(32), person=person, name=name, role=role, holds_code=not person
        )
        now = self._clock()
        with self._store.transaction() as db:
            db.conn.execute("DELETE FROM sessions WHERE id = ?", [_hashed(instead_of.secret)])
            db.conn.execute(
                "DELETE FROM sessions WHERE seen_at < ? OR began_at < ?", [now - IDLE_S, now - LONGEST_S]
            )
            db.conn.execute(
                "DELETE FROM sessions WHERE id NOT IN (SELECT id FROM sessions ORDER BY seen_at DESC LIMIT ?)",
                [_MOST - 1],
            )
            db.conn.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)",
                [_hashed(session.secret), person, name, role, now, now],
            )
        return session

    def end(self, session: Session) -> None:
        """This session is over, wherever a copy of its cookie may be."""
        with self._store.transaction() as db:
            db.conn.execute("DELETE FROM sessions WHERE id = ?", [_hashed(session.secret)])

    def end_all(self, person: str) -> None:
        """All sessions of a person are over; with an empty id, those that hold the claim code."""
        with self._store.transaction() as db:
            db.conn.execute("DELETE FROM sessions WHERE person = ?", [person])

    def step(self) -> str:
        """Where the wizard goes on; empty when it is done or has not begun."""
        with self._store.reading() as db:
            row = db.conn.execute("SELECT step FROM progress").fetchone()
        return str(row["step"]) if row else ""

    def go_on_at(self, step: str) -> None:
        """Notes where the wizard goes on; empty: it is done."""
        with self._store.transaction() as db:
            db.conn.execute("DELETE FROM progress")
            if step:
                db.conn.execute("INSERT INTO progress VALUES (?)", [step])

    def _find(self, secret: str) -> Session | None:
        now, hashed = self._clock(), _hashed(secret)
        with self._store.reading() as db:
            row = db.conn.execute("SELECT * FROM sessions WHERE id = ?", [hashed]).fetchone()
        if row is None or now - row["seen_at"] > IDLE_S or now - row["began_at"] > LONGEST_S:
            return None
        if now - row["seen_at"] > _SEEN_EVERY_S:
            with self._store.transaction() as db:
                db.conn.execute("UPDATE sessions SET seen_at = ? WHERE id = ?", [now, hashed])
        return Session(
            secret=secret,
            person=row["person"],
            name=row["name"],
            role=row["role"],
            holds_code=not row["person"],
        )


def give(response: Response, session: Session) -> None:
    """Puts the session into the browser's cookie. Without `Secure`: a home's box speaks plain HTTP (see README)."""
    response.set_cookie(
        COOKIE, session.secret, max_age=int(LONGEST_S), httponly=True, samesite="Strict", path="/"
    )


def take(response: Response) -> None:
    """Removes the cookie from the browser."""
    response.delete_cookie(COOKIE, httponly=True, samesite="Strict", path="/")


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
