"""The household: who is known, by which addresses, and by which password.

Owns: the tables `people` and `addresses`, and how passwords are kept (argon2id).
Does not know: what a person may do, nor any channel.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
import unicodedata
from functools import cache

import argon2

from agent import addresses as mail_addresses
from agent.conversation import journal
from agent.database import Database
from agent.errors import AuthenticationError, ConflictError, NotFoundError, RequestError
from agent.message import Person
from agent.store import Store

SHORTEST_PASSWORD = 10  # characters
LONGEST_PASSWORD = 200
LONGEST_NAME = 80

_MAIL_ADDRESS = re.compile(r"[^@\s<>\"',;:]{1,64}@[^@\s<>\"',;:]{1,255}")

# RFC 9106's second choice: 64 MiB would not fit beside a model on a small board.
_hasher = argon2.PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)
_hashing = threading.Semaphore(1)  # many logins at once must not use up the memory


class People:
    """The household in the database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def everybody(self) -> list[Person]:
        """Everybody, in the order in which they came."""
        with self._store.reading() as db:
            return [
                _person(db, row) for row in db.conn.execute("SELECT * FROM people ORDER BY created_at, rowid")
            ]

    def known(self, kind: str, address: str) -> Person | None:
        """Whose address this is, or None."""
        with self._store.reading() as db:
            row = db.conn.execute(
                "SELECT people.* FROM people JOIN addresses ON person = people.id WHERE kind = ? AND address = ?",
                [kind, comparable(kind, address)],
            ).fetchone()
            return _person(db, row) if row else None

    def has_owner(self) -> bool:
        """Whether somebody has claimed the box."""
        return any(person.role == "owner" for person in self.everybody())

    def claim(self, name: str, addresses: list[tuple[str, str]], password: str) -> Person:
        """Makes the first owner.

        Raises:
            ConflictError: There is an owner already; of two who claim at once, one is told this.
            RequestError: A name, an address or the password is not usable.
        """
        hashed = _hash(password)
        with self._store.transaction() as db:
            if db.conn.execute("SELECT 1 FROM people WHERE role = 'owner'").fetchone():
                raise ConflictError("This box has an owner already.", hint="Log in instead.")
            return _insert(db, name, "owner", addresses, hashed)

    def add(self, name: str, role: str, addresses: list[tuple[str, str]], password: str = "") -> Person:
        """Adds somebody; without a password they can write, but not log in.

        Raises:
            ConflictError: An address belongs to somebody else.
            RequestError: A name, a role, an address or the password is not usable.
        """
        if role not in ("owner", "member"):
            raise RequestError(f"There is no role {role!r}.", hint="Choose owner or member.", param="role")
        hashed = _hash(password) if password else ""
        with self._store.transaction() as db:
            return _insert(db, name, role, addresses, hashed)

    def remove(self, person_id: str) -> None:
        """Forgets a person and their addresses at once; their memories as soon as recall answers (see `departed`).

        Raises:
            NotFoundError: There is no such person.
            ConflictError: It is the last owner.
        """
        with self._store.transaction() as db:
            row = db.conn.execute("SELECT role FROM people WHERE id = ?", [person_id]).fetchone()
            if row is None:
                raise NotFoundError("There is no such person.")
            owners = db.conn.execute("SELECT count(*) FROM people WHERE role = 'owner'").fetchone()[0]
            if row["role"] == "owner" and owners == 1:
                raise ConflictError(
                    "The last owner cannot be removed.", hint="Make somebody else an owner first."
                )
            db.conn.execute("DELETE FROM people WHERE id = ?", [person_id])
            db.conn.execute("INSERT OR IGNORE INTO departed VALUES (?)", [person_id])
            journal.note(db, "person.removed", person=person_id)

    def departed(self) -> list[str]:
        """Ids of removed people whose memories recall has still to forget."""
        with self._store.reading() as db:
            return [row["person"] for row in db.conn.execute("SELECT person FROM departed")]

    def forgotten(self, person_id: str) -> None:
        """Recall has forgotten what this person said."""
        with self._store.transaction() as db:
            db.conn.execute("DELETE FROM departed WHERE person = ?", [person_id])

    def set_password(self, person_id: str, password: str) -> None:
        """Gives a person a new password.

        Raises:
            NotFoundError: There is no such person.
            RequestError: The password is not usable.
        """
        hashed = _hash(password)
        with self._store.transaction() as db:
            if (
                db.conn.execute("UPDATE people SET password = ? WHERE id = ?", [hashed, person_id]).rowcount
                == 0
            ):
                raise NotFoundError("There is no such person.")
            journal.note(db, "person.password_changed", person=person_id)

    def verify(self, address: str, password: str) -> Person:
        """Who logs in with this mail address and password.

        Raises:
            AuthenticationError: No such address, or another password; which of the two is not said.
        """
        person = self.known("mail", address)
        with self._store.reading() as db:
            row = db.conn.execute(
                "SELECT password FROM people WHERE id = ?", [person.id if person else ""]
            ).fetchone()
        decoy = _decoy()
        hashed = row["password"] if row and row["password"] else decoy
        fits = _fits(hashed, password)
        if person is None or not fits or hashed == decoy:
            raise AuthenticationError(
                "This address and password do not fit.", hint="Look for a slip of the keys, and try again."
            )
        return person


def comparable(kind: str, address: str) -> str:
    """The form in which addresses of a kind are stored and compared.

    Args:
        kind: mail, or another channel's.
        address: As it was written.
    """
    return (
        mail_addresses.comparable(address)
        if kind == "mail"
        else unicodedata.normalize("NFC", address.strip())
    )


def _insert(db: Database, name: str, role: str, addresses: list[tuple[str, str]], hashed: str) -> Person:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise RequestError("A name is needed, of at most 80 letters.", param="name")
    person_id = secrets.token_hex(8)
    db.table("people").insert(
        {"id": person_id, "name": name, "role": role, "password": hashed, "created_at": time.time()}
    )
    for kind, address in (*addresses, ("portal", person_id)):
        _insert_address(db, person_id, kind, address)
    journal.note(db, "person.added", person=person_id, detail=f"{name}, {role}")
    return _person(db, db.conn.execute("SELECT * FROM people WHERE id = ?", [person_id]).fetchone())


def _insert_address(db: Database, person_id: str, kind: str, address: str) -> None:
    if kind == "mail" and not _MAIL_ADDRESS.fullmatch(address.strip()):
        raise RequestError(
            f"{address!r} is not a mail address.", hint="It looks like anna@example.org.", param="address"
        )
    if (
        db.conn.execute(
            "INSERT OR IGNORE INTO addresses VALUES (?, ?, ?)", [kind, comparable(kind, address), person_id]
        ).rowcount
        == 0
    ):
        raise ConflictError(f"{address} belongs to somebody already.", param="address")


def _person(db: Database, row: dict[str, str]) -> Person:
    pairs = db.conn.execute(
        "SELECT kind, address FROM addresses WHERE person = ? ORDER BY kind, address", [row["id"]]
    )
    return Person(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        addresses=tuple((kind, address) for kind, address in pairs),
    )


def _hash(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise RequestError(
            "The password is too short or too long.",
            hint=f"Take at least {SHORTEST_PASSWORD} characters; a few words in a row are easy to remember.",
            param="password",
        )
    with _hashing:
        return _hasher.hash(password)


@cache
def _decoy() -> str:
    """Compared for unknown addresses, so that they take as long as known ones; asked for at every login, also of known ones."""
    with _hashing:
        return _hasher.hash("nobody's password")


def _fits(hashed: str, password: str) -> bool:
    try:
        with _hashing:
            return _hasher.verify(hashed, password)
    except argon2.exceptions.VerifyMismatchError:
        return False
