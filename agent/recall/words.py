"""Finding by words: a question made safe for SQLite's full-text index, and how much of it a passage holds.

Owns: which words of a question count, every statement on the index, and the share of the question that a passage covers.
Does not know: vectors, nor what a share is worth (`relevance`).
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence

from agent.database import Database
from agent.recall.stopwords import STOP_WORDS

MOST_TERMS = 24  # of a question; a long mail is searched by the words it begins with

_TERM = re.compile(r"[^\W_]+")


def terms(query: str) -> list[str]:
    """The words of a question that count, each once, in its order; at most MOST_TERMS."""
    found = (word.lower() for word in _TERM.findall(unicodedata.normalize("NFKC", query)))
    counted = (word for word in found if word not in STOP_WORDS and (len(word) > 1 or not word.isascii()))
    return list(dict.fromkeys(counted))[:MOST_TERMS]


def best(database: Database, words: Sequence[str], audiences: Sequence[str], limit: int) -> list[int]:
    """The ids of the passages of these audiences that hold any of the words, best first (BM25)."""
    if not words:
        return []
    rows = database.conn.execute(
        "SELECT passages.id FROM words JOIN passages ON passages.id = words.rowid"
        " WHERE words MATCH ? AND passages.audience IN (SELECT value FROM json_each(?))"
        " ORDER BY bm25(words), passages.id LIMIT ?",
        (" OR ".join(map(_quoted, words)), json.dumps(list(audiences)), limit),
    )
    return [row["id"] for row in rows]


def coverage(database: Database, words: Sequence[str], identities: Sequence[int]) -> Mapping[int, float]:
    """How much of the question each of these passages holds, from 0 to 1; a rare word counts for more than a common one."""
    total = int(database.conn.execute("SELECT count(*) FROM passages").fetchone()[0])
    held = dict.fromkeys(identities, 0.0)
    weights = 0.0
    for word in words:
        everywhere = database.conn.execute(
            "SELECT count(*) FROM words WHERE words MATCH ?", (_quoted(word),)
        ).fetchone()[0]
        weight = math.log(1.0 + total / (1.0 + everywhere))
        weights += weight
        rows = database.conn.execute(
            "SELECT rowid FROM words WHERE words MATCH ? AND rowid IN (SELECT value FROM json_each(?))",
            (_quoted(word), json.dumps(list(identities))),
        )
        for row in rows:
            held[row["rowid"]] += weight
    return {identity: weight / weights if weights else 0.0 for identity, weight in held.items()}


def _quoted(word: str) -> str:
    """As a string of the index's query language, in which nothing has a meaning of its own."""
    return '"' + word.replace('"', '""') + '"'
