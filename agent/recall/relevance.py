"""Which of the found passages bear on the question at all, and in which order.

Owns: the relevance floor, carrying it over to another embedder, and fusing two rankings into one. Pure: numbers in, numbers out. The README says how the floor was chosen.
Does not know: databases, models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

COVERED = 0.55  # share of the question's words from which they count
_HIGHEST = 0.99  # of a floor: the same text must always count
_K = 60  # of reciprocal rank fusion, as in the paper that proposed it


@dataclass(frozen=True)
class Floor:
    """What a cosine is worth with one embedder; the numbers here are the house's own embedder's."""

    close: float = 0.30  # from which a passage counts by its meaning alone
    far: float = 0.12  # below which words that it shares with the question are an accident


@dataclass(frozen=True)
class Background:
    """The cosines of texts that have nothing to do with each other, by one embedder."""

    mean: float
    spread: float  # standard deviation


OWN = Floor()


def is_relevant(cosine: float | None, coverage: float, floor: Floor = OWN) -> bool:
    """Whether a passage bears on the question.

    Args:
        cosine: Of the question's and the passage's vectors; None where one of them is missing.
        coverage: Share of the question's words that the passage holds, from 0 to 1.
        floor: What a cosine is worth.
    """
    if cosine is not None and cosine >= floor.close:
        return True
    return coverage >= COVERED and (cosine is None or cosine >= floor.far)


def carried_over(floor: Floor, before: Background, after: Background) -> Floor:
    """The floor for another embedder: as far above what is unrelated, counted in its spread.

    Args:
        floor: That of the embedder before.
        before: What that one makes of unrelated texts.
        after: What the other makes of the same.
    """
    scale = after.spread / before.spread if before.spread > 0 else 1.0
    close, far = (after.mean + (cosine - before.mean) * scale for cosine in (floor.close, floor.far))
    return Floor(min(close, _HIGHEST), min(far, _HIGHEST))


def fused(rankings: Iterable[Sequence[int]]) -> Mapping[int, float]:
    """The score of each id by reciprocal rank fusion over rankings that are best first."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, identity in enumerate(ranking, start=1):
            scores[identity] = scores.get(identity, 0.0) + 1.0 / (_K + rank)
    return scores
