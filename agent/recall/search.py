"""Finding the passages that bear on a question: by meaning and by words, for one person.

Owns: the order of steps, and what a found passage looks like to others.
Does not know: the statements (`vectors`, `words`), the floor (`relevance`), HTTP.

Only what the person may read is looked at: the audience is part of both statements, before anything is ranked (rule 4).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.database import Database
from agent.embed.embedding import Embedding
from agent.errors import ModelError, RequestError, TooLargeError
from agent.message import Passage
from agent.recall import indexes, relevance, vectors, words
from agent.recall.choice import Choice
from agent.recall.indexes import Index
from agent.recall.passages import HOUSE
from agent.store import Store

LONGEST_QUERY = 2_000_000  # characters; a long mail is a question too
_READ = 4_000  # characters of it that are searched with; the model reads no further anyway
MOST_PASSAGES = 50
_CANDIDATES = 50  # from each of the two rankings


class Search:
    """Searches one database."""

    def __init__(self, store: Store, choice: Choice) -> None:
        self._store = store
        self._choice = choice

    def find(self, query: str, *, person: str, limit: int) -> list[Passage]:
        """The passages that bear on the query, best first; none where none does.

        Without the embedding model, or for passages it has not come to yet, words alone decide.

        Args:
            query: What was asked, in the person's words; of a long text the beginning counts.
            person: Who asks: only what they may read is searched.
            limit: How many passages at most, 1 to MOST_PASSAGES.

        Raises:
            RequestError: The limit is out of range, or there is no query.
            TooLargeError: The query is longer than LONGEST_QUERY.
        """
        if not query.strip():
            raise RequestError("There is no question.", param="query")
        if len(query) > LONGEST_QUERY:
            raise TooLargeError(f"The question is longer than {LONGEST_QUERY:,} characters.", param="query")
        if not 1 <= limit <= MOST_PASSAGES:
            raise RequestError(f"The limit lies between 1 and {MOST_PASSAGES}.", param="limit")
        embedding = self._choice.present()
        vector, terms = _vector(embedding, query[:_READ]), words.terms(query[:_READ])
        with self._store.reading() as database:
            # The vector and the index are one embedder's, also if another takes over between these lines.
            index = indexes.find(database, embedding.name)
            near = _Near(index, vector) if index and index.dimensions and vector is not None else None
            scores = _scores(database, near, terms, (HOUSE, person))
            rows = _rows(database, list(scores))
        return list(_distinct(query, rows, scores))[:limit]


@dataclass(frozen=True)
class _Near:
    """A question's vector, and the index in which its neighbours are."""

    index: Index
    vector: vectors.Vectors


def _vector(embedding: Embedding, query: str) -> vectors.Vectors | None:
    try:
        vector: vectors.Vectors = embedding.embed([query])[0]
    except ModelError:
        return None
    return vector


def _scores(
    database: Database, near: _Near | None, terms: Sequence[str], audiences: Sequence[str]
) -> Mapping[int, float]:
    """The relevant passages with their scores."""
    close = vectors.nearest(database, near.index, near.vector, audiences, _CANDIDATES) if near else {}
    worded = words.best(database, terms, audiences, _CANDIDATES)
    cosines = dict(close)
    if near:
        others = [identity for identity in worded if identity not in close]
        cosines |= vectors.cosines(database, near.index, near.vector, others)
    covered = words.coverage(database, terms, list({*close, *worded}))
    scores = relevance.fused([list(close), worded])
    floor = near.index.floor if near else relevance.Floor()
    return {
        identity: score
        for identity, score in scores.items()
        if relevance.is_relevant(cosines.get(identity), covered[identity], floor)
    }


def _rows(database: Database, identities: Sequence[int]) -> list[Mapping[str, Any]]:
    found = database.conn.execute(
        'SELECT passages.id, passages.text, passages.context, page, start, "end", document, memory,'
        " documents.name, memories.said_at FROM passages LEFT JOIN documents ON documents.id = document"
        " LEFT JOIN memories ON memories.id = memory WHERE passages.id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(identities)),),
    )
    return [dict(row) for row in found]


def _distinct(
    query: str, rows: Sequence[Mapping[str, Any]], scores: Mapping[int, float]
) -> Iterator[Passage]:
    """Best first and each text once: the same words in two documents say no more, and the question itself says nothing."""
    told = {_plain(query)}
    # Of two that are equally good the newer one is more likely still true.
    for row in sorted(rows, key=lambda row: (-scores[row["id"]], -row["id"])):
        if _plain(row["text"]) not in told:
            told.add(_plain(row["text"]))
            yield _passage(row, scores[row["id"]])


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _passage(row: Mapping[str, Any], score: float) -> Passage:
    is_memory = row["memory"] is not None
    day = time.strftime("%Y-%m-%d", time.localtime(row["said_at"])) if is_memory else ""
    return Passage(
        text=row["text"],
        document=f"conversation of {day}" if is_memory else row["name"],
        document_id=row["memory"] if is_memory else row["document"],
        kind="memory" if is_memory else "document",
        page=row["page"],
        start=row["start"],
        end=row["end"],
        score=score,
        extra={"context": row["context"]} if row["context"] else {},
    )
