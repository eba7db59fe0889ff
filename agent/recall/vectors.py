"""The table of vectors: whose they are, which are missing, and which lie nearest.

Owns: every statement on `vectors` and `windows`, and the mark on a passage that says whose vectors it has.
Does not know: how a vector is made, nor what nearness is worth (`relevance`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from agent.database import Database
from agent.recall.chunking import windows
from agent.recall.schema import create_vectors

if TYPE_CHECKING:  # numpy is loaded with the embedding model, not before
    import numpy as np
    from numpy.typing import NDArray

Vectors: TypeAlias = "NDArray[np.float32]"  # one, or a row each

_WINDOWS_A_PASSAGE = 3  # on average


def adopt(database: Database, embedder: str, dimensions: int) -> bool:
    """Makes the table this embedder's. If it was another's, its vectors go and every passage is pending; then True."""
    row = database.conn.execute("SELECT name FROM embedder").fetchone()
    if row is not None and row["name"] == embedder:
        return False
    database.conn.execute("DELETE FROM windows")
    database.conn.execute("DROP TABLE vectors")
    create_vectors(database, dimensions)
    database.conn.execute("UPDATE passages SET embedder = '' WHERE embedder <> ''")
    database.conn.execute("DELETE FROM embedder")
    database.conn.execute("INSERT INTO embedder (name) VALUES (?)", (embedder,))
    return row is not None


def count_pending(database: Database) -> int:
    """How many passages have no vector yet."""
    return int(database.conn.execute("SELECT count(*) FROM passages WHERE embedder = ''").fetchone()[0])


def pending(database: Database, limit: int) -> list[tuple[int, list[str]]]:
    """Some passages without vectors, newest first - somebody may ask about them now: id, and the texts to embed."""
    rows = database.conn.execute(
        "SELECT id, context, text FROM passages WHERE embedder = '' ORDER BY id DESC LIMIT ?", (limit,)
    )
    return [
        (row["id"], [f"{row['context']}\n{window}".strip() for window in windows(row["text"])])
        for row in rows
    ]


def put(database: Database, embedder: str, made: Mapping[int, Vectors]) -> None:
    """Keeps each passage's vectors, a row a window; those of passages that were deleted meanwhile are dropped."""
    for passage, rows in made.items():
        marked = database.conn.execute(
            "UPDATE passages SET embedder = ? WHERE id = ? AND embedder = '' RETURNING audience",
            (embedder, passage),
        ).fetchone()
        if marked is None:
            continue
        for vector in rows:
            window = database.conn.execute("INSERT INTO windows (passage) VALUES (?)", (passage,)).lastrowid
            database.conn.execute(
                "INSERT INTO vectors (id, audience, embedding) VALUES (?, ?, ?)",
                (window, marked["audience"], vector.tobytes()),
            )


def nearest(database: Database, vector: Vectors, audiences: Sequence[str], limit: int) -> dict[int, float]:
    """The passages nearest to a vector: id to the cosine of its nearest window, nearest first.

    Each audience's part of the table is searched by itself, and nothing else is looked at.
    """
    found: dict[int, float] = {}
    for audience in audiences:
        rows = database.conn.execute(
            "WITH near AS (SELECT id, distance FROM vectors WHERE embedding MATCH ? AND k = ? AND audience = ?)"
            " SELECT passage AS id, 1 - min(distance) AS cosine"
            " FROM near JOIN windows USING (id) GROUP BY passage",
            (vector.tobytes(), limit * _WINDOWS_A_PASSAGE, audience),
        )
        found.update((row["id"], row["cosine"]) for row in rows)
    best = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return dict(best[:limit])


def cosines(database: Database, vector: Vectors, passages: Sequence[int]) -> dict[int, float]:
    """The cosine of each of these passages that has vectors."""
    rows = database.conn.execute(
        "SELECT passage AS id, 1 - min(vec_distance_cosine(embedding, ?)) AS cosine"
        " FROM windows CROSS JOIN vectors ON vectors.id = windows.id"
        " WHERE passage IN (SELECT value FROM json_each(?)) GROUP BY passage",
        (vector.tobytes(), json.dumps(list(passages))),
    )
    return {row["id"]: row["cosine"] for row in rows}
