"""The table of vectors: whose they are, which are missing, and which lie nearest.

Owns: every statement on `vectors`, and the mark on a passage that says whose vector it has.
Does not know: how a vector is made, nor what nearness is worth (`relevance`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from agent.recall.schema import create_vectors

Vector = NDArray[np.float32]


def adopt(database: Database, embedder: str, dimensions: int) -> bool:
    """Makes the table this embedder's. If it was another's, its vectors go and every passage is pending; then True."""
    row = database.conn.execute("SELECT name FROM embedder").fetchone()
    if row is not None and row["name"] == embedder:
        return False
    database.conn.execute("DROP TABLE vectors")
    create_vectors(database, dimensions)
    database.conn.execute("UPDATE passages SET embedder = '' WHERE embedder <> ''")
    database.conn.execute("DELETE FROM embedder")
    database.conn.execute("INSERT INTO embedder (name) VALUES (?)", (embedder,))
    return row is not None


def count_pending(database: Database) -> int:
    """How many passages have no vector yet."""
    return int(database.conn.execute("SELECT count(*) FROM passages WHERE embedder = ''").fetchone()[0])


def pending(database: Database, limit: int) -> list[tuple[int, str]]:
    """Some passages without a vector, newest first - somebody may ask about them now: id, and the text to embed."""
    rows = database.conn.execute(
        "SELECT id, context, text FROM passages WHERE embedder = '' ORDER BY id DESC LIMIT ?", (limit,)
    )
    return [(row["id"], f"{row['context']}\n{row['text']}".strip()) for row in rows]


def put(database: Database, embedder: str, made: Mapping[int, Vector]) -> None:
    """Keeps vectors by their passages' ids; those of passages that were deleted meanwhile are dropped."""
    for identity, vector in made.items():
        row = database.conn.execute(
            "UPDATE passages SET embedder = ? WHERE id = ? AND embedder = '' RETURNING audience",
            (embedder, identity),
        ).fetchone()
        if row is not None:
            database.conn.execute(
                "INSERT INTO vectors (id, audience, embedding) VALUES (?, ?, ?)",
                (identity, row["audience"], vector.tobytes()),
            )


def nearest(database: Database, vector: Vector, audiences: Sequence[str], limit: int) -> dict[int, float]:
    """The passages nearest to a vector: id to cosine, nearest first. Each audience's part is searched by itself."""
    found: dict[int, float] = {}
    for audience in audiences:
        rows = database.conn.execute(
            "SELECT id, distance FROM vectors WHERE embedding MATCH ? AND k = ? AND audience = ?",
            (vector.tobytes(), limit, audience),
        )
        found.update((row["id"], 1.0 - row["distance"]) for row in rows)
    best = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return dict(best[:limit])


def cosines(database: Database, vector: Vector, identities: Sequence[int]) -> dict[int, float]:
    """The cosine of each of these passages that has a vector."""
    marks = ", ".join("?" for _ in identities)
    rows = database.conn.execute(
        f"SELECT id, vec_distance_cosine(embedding, ?) AS distance FROM vectors WHERE id IN ({marks})",  # noqa: S608
        (vector.tobytes(), *identities),
    )
    return {row["id"]: 1.0 - row["distance"] for row in rows}
