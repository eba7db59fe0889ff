"""The rows of passages: writing them, and forgetting what was deleted for good.

Owns: how passages come into the tables, and that deleted text is not left in the file.
Does not know: what they are the passages of.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from agent import logs
from agent.database import Database
from agent.errors import StorageError, TooLargeError
from agent.recall.chunking import Chunk
from agent.store import Store

_log = logging.getLogger(__name__)

HOUSE = "house"  # the audience of what everybody may read
MOST_PASSAGES = 5_000  # of one document or memory; about 750,000 words
_GROWTH = 6  # measured: 2.6 times the text in the file, and as much in its log before


def limited(chunks: Iterable[Chunk]) -> list[Chunk]:
    """The chunks, if they are not too many.

    Raises:
        TooLargeError: They are.
    """
    kept: list[Chunk] = []
    for chunk in chunks:
        if len(kept) == MOST_PASSAGES:
            raise TooLargeError(f"That is more than {MOST_PASSAGES:,} passages.", hint="Send it in parts.")
        kept.append(chunk)
    return kept


def size(chunks: Iterable[Chunk]) -> int:
    """How many bytes of the disk the passages take at most while they are written: themselves and their words, in the log as well."""
    return _GROWTH * sum(
        len(f"{chunk.text}{chunk.context}".encode("utf-8", "surrogatepass")) for chunk in chunks
    )


def insert(
    database: Database, chunks: Iterable[Chunk], *, audience: str, document: str | None, memory: str | None
) -> None:
    """Writes the passages of a document or of a memory, pending to be embedded. Call it in the owner's transaction."""
    database.conn.executemany(
        'INSERT INTO passages (document, memory, audience, context, text, page, start, "end")'
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (document, memory, audience, chunk.context, chunk.text, chunk.page, chunk.start, chunk.end)
            for chunk in chunks
        ),
    )


def forget_for_good(store: Store) -> None:
    """After a deletion: takes its words out of the index's files, and the old pages out of the log.

    A disk that is too full for this does not undo the deletion; the next one clears up both.
    """
    try:
        with store.transaction() as database:
            database.conn.execute("INSERT INTO words (words) VALUES ('optimize')")
        with store.reading() as database:
            database.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except StorageError as full:
        logs.event(_log, "deletion.left_traces", level=logging.WARNING, why=full)
