"""The tables of vectors: which passages one lacks, filling it, and which lie nearest in it.

Owns: every statement on an index's vectors and on `windows`, and when a passage stops waiting.
Does not know: how a vector is made, which index is searched, nor what nearness is worth (`relevance`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from agent.database import Database
from agent.recall.chunking import windows
from agent.recall.indexes import Index

if TYPE_CHECKING:  # numpy is loaded with the embedding model, not before
    import numpy as np
    from numpy.typing import NDArray

Vectors: TypeAlias = "NDArray[np.float32]"  # one, or a row each

_WINDOWS_A_PASSAGE = 3  # on average


def pending(database: Database, index: Index, limit: int) -> list[tuple[int, list[str]]]:
    """Some passages without vectors, newest first - somebody may ask about them now: id, and the texts to embed."""
    rows = database.conn.execute(
        "SELECT passages.id, context, text FROM waiting JOIN passages ON passages.id = passage"
        " WHERE number = ? ORDER BY passage DESC LIMIT ?",
        (index.number, limit),
    )
    return [
        (row["id"], [f"{row['context']}\n{window}".strip() for window in windows(row["text"])])
        for row in rows
    ]


def put(database: Database, index: Index, made: Mapping[int, Vectors]) -> None:
    """Keeps each passage's vectors, a row a window; those of passages that were deleted meanwhile are dropped, and all of them if
    the index was."""
    for passage, rows in made.items():
        awaited = database.conn.execute(
            "DELETE FROM waiting WHERE number = ? AND passage = ?", (index.number, passage)
        ).rowcount
        if not awaited:
            continue
        audience = database.conn.execute("SELECT audience FROM passages WHERE id = ?", (passage,)).fetchone()[
            "audience"
        ]
        for vector in rows:
            window = database.conn.execute(
                "INSERT INTO windows (passage, number) VALUES (?, ?)", (passage, index.number)
            ).lastrowid
            database.conn.execute(
                f"INSERT INTO {_table(index)} (id, audience, embedding) VALUES (?, ?, ?)",  # noqa: S608 - a number of ours
                (window, audience, vector.tobytes()),
            )


def nearest(
    database: Database, index: Index, vector: Vectors, audiences: Sequence[str], limit: int
) -> dict[int, float]:
    """The passages nearest to a vector: id to the cosine of its nearest window, nearest first.

    Each audience's part of the table is searched by itself, and nothing else is looked at.
    """
    found: dict[int, float] = {}
    for audience in audiences:
        rows = database.conn.execute(
            f"WITH near AS (SELECT id, distance FROM {_table(index)}"  # noqa: S608 - a number of ours
            " WHERE embedding MATCH ? AND k = ? AND audience = ?)"
            " SELECT passage AS id, 1 - min(distance) AS cosine"
            " FROM near JOIN windows USING (id) GROUP BY passage",
            (vector.tobytes(), limit * _WINDOWS_A_PASSAGE, audience),
        )
        found.update((row["id"], row["cosine"]) for row in rows)
    best = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return dict(best[:limit])


def cosines(database: Database, index: Index, vector: Vectors, passages: Sequence[int]) -> dict[int, float]:
    """The cosine of each of these passages that has vectors."""
    rows = database.conn.execute(
        "SELECT passage AS id, 1 - min(vec_distance_cosine(embedding, ?)) AS cosine"  # noqa: S608 - a number of ours
        f" FROM windows CROSS JOIN {_table(index)} AS vectors ON vectors.id = windows.id"
        " WHERE passage IN (SELECT value FROM json_each(?)) AND number = ? GROUP BY passage",
        (vector.tobytes(), json.dumps(list(passages)), index.number),
    )
    return {row["id"]: row["cosine"] for row in rows}


def _table(index: Index) -> str:
    return f"vectors_{index.number}"
