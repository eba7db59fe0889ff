"""Memory: what was said, per person.

Owns: keeping and forgetting memories. Each has an owner, an audience, a source and a date (rule 4).
Does not know: who decides what is worth keeping, nor how it is found again (`search`).
"""

from __future__ import annotations

import hashlib

from agent.errors import RequestError
from agent.recall import passages
from agent.recall.chunking import chunks
from agent.recall.pages import Page
from agent.recall.passages import HOUSE
from agent.store import Store


class Memory:
    """The memories in one database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, person: str, text: str, *, message_id: str, at: float) -> tuple[str, bool]:
        """Keeps what was said in one message, for this person alone. The same message again changes nothing.

        Args:
            person: Whose memory it is.
            text: What was said.
            message_id: The message it was said in.
            at: When, in seconds since 1970.

        Returns:
            The memory's id, and whether it was there already.

        Raises:
            RequestError: The person is the whole house, which has no memories.
            TooLargeError: The text is too long.
            StorageError: The disk is full; nothing was kept.
        """
        if person == HOUSE:
            raise RequestError("A memory belongs to one person.", param="person")
        identity = hashlib.sha256(f"{person}\0{message_id}".encode()).hexdigest()[:32]
        cut = passages.limited(chunks([Page(text)]))
        self._store.demand_room(passages.size(cut))
        with self._store.transaction() as database:
            added = database.conn.execute(
                "INSERT OR IGNORE INTO memories (id, owner, audience, source, said_at) VALUES (?, ?, ?, ?, ?)",
                (identity, person, person, message_id, at),
            ).rowcount
            if added == 1:
                passages.insert(database, cut, audience=person, document=None, memory=identity)
        return identity, added != 1

    def forget(self, person: str) -> int:
        """Forgets everything this person said, and returns how many memories that were."""
        with self._store.transaction() as database:
            removed: int = database.conn.execute("DELETE FROM memories WHERE owner = ?", (person,)).rowcount
        passages.forget_for_good(self._store)
        return removed
