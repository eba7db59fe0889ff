"""Which of the found passages bear on the question at all, and in which order.

Owns: the relevance floor, and fusing two rankings into one. Pure: numbers in, numbers out. The README says how the floor was chosen.
Does not know: databases, models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

CLOSE = 0.30  # cosine from which a passage counts by its meaning alone
FAR = 0.12  # cosine below which words it shares with the question are an accident
COVERED = 0.55  # share of the question's words from which they count
_K = 60  # of reciprocal rank fusion, as in the paper that proposed it


def is_relevant(cosine: float | None, coverage: float) -> bool:
    """Whether a passage bears on the question.

    Args:
        cosine: Of the question's and the passage's vectors; None where one of them is missing.
        coverage: Share of the question's words that the passage holds, from 0 to 1.
    """
    if cosine is not None and cosine >= CLOSE:
        return True
    return coverage >= COVERED and (cosine is None or cosine >= FAR)


def fused(rankings: Iterable[Sequence[int]]) -> Mapping[int, float]:
    """The score of each id by reciprocal rank fusion over rankings that are best first."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, identity in enumerate(ranking, start=1):
            scores[identity] = scores.get(identity, 0.0) + 1.0 / (_K + rank)
    return scores
