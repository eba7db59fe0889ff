"""The indexes of vectors: one for each embedder that is, was or will be in use.

Owns: the tables `indexes` and `waiting`: which indexes there are, how far each is, and making and dropping one.
Does not know: vectors (`vectors`), which index is searched (`choice`), nor how one is filled.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace

from agent.database import Database
from agent.errors import ConflictError, NotFoundError
from agent.recall.relevance import Floor
from agent.recall.schema import create_vectors, drop_vectors

MOST = 3  # the one in use, the one before it, and one that is prepared


@dataclass(frozen=True, kw_only=True)
class Index:
    """One embedder's index."""

    number: int
    embedder: str  # the name under which its vectors are kept
    dimensions: int  # 0: it has no vectors yet
    record: str  # the model as JSON, if it is to be made beside the one in use
    floor: Floor  # what a cosine is worth in it


def everything(database: Database) -> list[Index]:
    """All indexes, the oldest first."""
    rows = database.conn.execute("SELECT * FROM indexes ORDER BY number")
    return [
        Index(
            number=row["number"],
            embedder=row["embedder"],
            dimensions=row["dimensions"],
            record=row["record"],
            floor=Floor(row["close"], row["far"]),
        )
        for row in rows
    ]


def find(database: Database, embedder: str) -> Index | None:
    """The index of this embedder, if there is one."""
    return next((index for index in everything(database) if index.embedder == embedder), None)


def ensure(database: Database, embedder: str, *, needed: Container[str] = ()) -> Index:
    """The embedder's index; a new one has every passage still before it.

    Args:
        database: Where; call it in a transaction.
        embedder: Whose.
        needed: Embedders whose indexes are not given up for it. Of the others the oldest goes where there are too many.
    """
    known = find(database, embedder)
    if known:
        return known
    spare = [index for index in everything(database) if index.embedder not in needed]
    for index in spare[: max(0, len(everything(database)) + 1 - MOST)]:
        _drop(database, index)
    floor = Floor()
    number = database.conn.execute(
        "INSERT INTO indexes (embedder, close, far) VALUES (?, ?, ?)", (embedder, floor.close, floor.far)
    ).lastrowid
    database.conn.execute("INSERT INTO waiting (number, passage) SELECT ?, id FROM passages", (number,))
    made = find(database, embedder)
    assert made is not None  # noqa: S101 - inserted above, in the same transaction
    return made


def measure_out(database: Database, index: Index, dimensions: int) -> Index:
    """The index with a table for vectors of this length. If it had one of another length, all is to be embedded anew."""
    if index.dimensions == dimensions:
        return index
    drop_vectors(database, index.number)
    create_vectors(database, index.number, dimensions)
    database.conn.execute(
        "INSERT OR IGNORE INTO waiting (number, passage) SELECT ?, id FROM passages", (index.number,)
    )
    database.conn.execute("UPDATE indexes SET dimensions = ? WHERE number = ?", (dimensions, index.number))
    return replace(index, dimensions=dimensions)


def prepare(database: Database, index: Index, record: str) -> None:
    """From now on the index is to be made beside the one in use; with an empty record it is not any more."""
    database.conn.execute("UPDATE indexes SET record = ? WHERE number = ?", (record, index.number))


def set_floor(database: Database, index: Index, floor: Floor) -> None:
    """From now on a cosine is worth this in the index."""
    database.conn.execute(
        "UPDATE indexes SET close = ?, far = ? WHERE number = ?", (floor.close, floor.far, index.number)
    )


def drop(database: Database, embedder: str, *, needed: Container[str]) -> None:
    """Takes an index away.

    Raises:
        NotFoundError: There is none of this embedder.
        ConflictError: It is needed.
    """
    index = find(database, embedder)
    if index is None:
        raise NotFoundError(f"There is no index of {embedder!r}.", hint="GET /index lists those there are.")
    if embedder in needed:
        raise ConflictError("This index is searched now.", hint="Choose another embedder first.")
    _drop(database, index)


def waiting(database: Database, index: Index | None) -> int:
    """How many passages are not in the index yet; all, where there is no index."""
    if index is None:
        return total(database)
    row = database.conn.execute("SELECT count(*) FROM waiting WHERE number = ?", (index.number,))
    return int(row.fetchone()[0])


def total(database: Database) -> int:
    """How many passages there are."""
    return int(database.conn.execute("SELECT count(*) FROM passages").fetchone()[0])


def _drop(database: Database, index: Index) -> None:
    drop_vectors(database, index.number)
    database.conn.execute("DELETE FROM indexes WHERE number = ?", (index.number,))
