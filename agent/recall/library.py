"""The library: the documents of the house and of each person.

Owns: adding, listing and removing documents; the same bytes for the same audience are the same document.
Does not know: formats (`reading`), nor how passages are found (`search`).
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from agent.errors import NotFoundError
from agent.recall import passages, reading
from agent.recall.chunking import Chunk, chunks
from agent.recall.passages import HOUSE
from agent.store import Store

_SELECT = """
    SELECT id, name, media_type, audience, size, pages, source, added_at,
        (SELECT count(*) FROM passages WHERE document = documents.id) AS passages,
        (SELECT count(*) FROM passages JOIN waiting ON waiting.passage = passages.id JOIN indexes USING (number)
            WHERE passages.document = documents.id AND indexes.embedder = ?) AS pending
    FROM documents
"""


@dataclass(frozen=True, kw_only=True)
class Document:
    """A document as the library lists it."""

    id: str
    name: str
    media_type: str
    audience: str  # "house" or a person's id
    size: int  # bytes
    pages: int  # 0 where the format has none
    passages: int
    pending: int  # passages that are found by their words only, until they are embedded
    source: Mapping[str, Any]
    added_at: float  # seconds since 1970


class Library:
    """The documents in one database."""

    def __init__(self, store: Store, embedder: Callable[[], str]) -> None:
        """Uses the database.

        Args:
            store: The database.
            embedder: Says whose vectors count now.
        """
        self._store = store
        self._embedder = embedder

    def add(
        self, name: str, media_type: str, data: bytes, *, audience: str, source: Mapping[str, Any]
    ) -> tuple[Document, bool]:
        """Reads a document and keeps its passages, all or none.

        Args:
            name: Its file name, for people.
            media_type: What the sender says it is.
            data: The document.
            audience: `house`, or the id of the person who alone may find it.
            source: Where it came from; kept as it is.

        Returns:
            The document, and whether it was there already.

        Raises:
            UnreadableError: It cannot be read; the hint says what to do.
            TooLargeError: It has too much text.
            StorageError: The disk is full; nothing of it was kept.
        """
        identity = hashlib.sha256(audience.encode() + b"\0" + hashlib.sha256(data).digest()).hexdigest()[:32]
        known = self._find(identity)
        if known:
            return known, True
        pages = reading.read(name, media_type, data)
        cut = passages.limited(_titled(name, chunk) for chunk in chunks(pages))
        self._store.demand_room(passages.size(cut))
        with self._store.transaction() as database:
            added = database.conn.execute(
                "INSERT OR IGNORE INTO documents (id, name, media_type, audience, size, pages, source, added_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    identity,
                    name,
                    media_type,
                    audience,
                    len(data),
                    pages[-1].number,
                    json.dumps(source),
                    time.time(),
                ),
            ).rowcount
            if added == 1:
                passages.insert(database, cut, audience=audience, document=identity, memory=None)
        return self._get(identity), added != 1

    def listed(self, person: str) -> list[Document]:
        """The documents of the house and of this person, newest first."""
        return self._rows("audience IN (?, ?) ORDER BY added_at DESC, id", (HOUSE, person))

    def remove(self, identity: str, *, person: str = "") -> None:
        """Removes a document with all its passages.

        Args:
            identity: Its id.
            person: If given, another person's document counts as not there.

        Raises:
            NotFoundError: There is none.
        """
        with self._store.transaction() as database:
            removed = database.conn.execute(
                "DELETE FROM documents WHERE id = ? AND (? = '' OR audience IN (?, ?))",
                (identity, person, HOUSE, person),
            ).rowcount
        if removed == 0:
            raise NotFoundError("There is no such document.")
        passages.forget_for_good(self._store)

    def _get(self, identity: str) -> Document:
        found = self._find(identity)
        if found is None:
            raise NotFoundError("The document was removed meanwhile.")
        return found

    def _find(self, identity: str) -> Document | None:
        return next(iter(self._rows("id = ?", (identity,))), None)

    def _rows(self, where: str, values: tuple[str, ...]) -> list[Document]:
        embedder = self._embedder()
        with self._store.reading() as database:
            rows = database.conn.execute(f"{_SELECT} WHERE {where}", (embedder, *values)).fetchall()
        return [Document(**{**dict(row), "source": json.loads(row["source"])}) for row in rows]


def _titled(name: str, chunk: Chunk) -> Chunk:
    """The chunk with the document's name, as words, above its headings: "boiler_manual.pdf" says what it is about."""
    words = " ".join(re.findall(r"[^\W_]+", PurePath(name).stem))
    context = " > ".join(part for part in (words, chunk.context) if part)
    return Chunk(chunk.text, chunk.start, chunk.end, chunk.page, context)
