"""Carrying the relevance floor over to an embedder whose cosines mean something else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.embed import embedding
from agent.recall import indexes, relevance, unrelated, vectors
from agent.recall.relevance import Background, Floor
from agent.recall.search import Search
from agent.recall.service import Room
from tests.recall.another import OWN


def test_the_floor_lies_as_far_above_the_unrelated_as_before() -> None:
    before, after = Background(mean=0.05, spread=0.1), Background(mean=0.75, spread=0.05)
    carried = relevance.carried_over(Floor(close=0.30, far=0.15), before, after)
    assert carried.close == pytest.approx(0.875)
    assert carried.far == pytest.approx(0.80)
    assert relevance.carried_over(Floor(), before, before) == Floor()


def test_a_floor_never_forbids_the_same_text() -> None:
    carried = relevance.carried_over(Floor(), Background(0.05, 0.01), Background(0.9, 0.1))
    assert carried.close <= 0.99
    assert relevance.carried_over(Floor(), Background(0.0, 0.0), Background(0.5, 0.1)).close <= 0.99


class Lifted:
    """The house's own embedder with everything nearer together, as many embedders have it."""

    name = "lifted@000"
    problem = ""
    dimensions = 384

    def __init__(self, file: Path) -> None:
        self._own = embedding.load(file)
        self._common = np.random.default_rng(7).normal(size=384).astype(np.float32)
        self._common /= np.linalg.norm(self._common)

    def load(self) -> bool:
        return True

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = self._own.embed(texts) + 1.4 * self._common
        lifted: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return lifted


class Chosen:
    """A choice that never changes."""

    def __init__(self, embedder: Lifted) -> None:
        self._embedder = embedder

    def present(self) -> Lifted:
        return self._embedder


@pytest.mark.models
def test_a_household_is_found_as_well_with_an_embedder_of_other_cosines(
    models: Path, taught: Room, household: dict[str, Any]
) -> None:
    file = models / OWN / "model.onnx"
    lifted, own = Lifted(file), embedding.load(file)
    with taught.store.transaction() as database:
        index = indexes.measure_out(database, indexes.ensure(database, lifted.name), lifted.dimensions)
        made = {passage: lifted.embed(texts) for passage, texts in vectors.pending(database, index, 1_000)}
        vectors.put(database, index, made)
    search = Search(taught.store, Chosen(lifted))  # type: ignore[arg-type]

    strangers = household["unrelated"]["questions"]

    def noise() -> int:
        """How many of the unrelated questions find something."""
        return sum(bool(search.find(one, person="anna", limit=4)) for one in strangers)

    assert noise() == len(strangers), "with the old floor everything counts"
    floor = relevance.carried_over(
        Floor(), unrelated.background(own.embed), unrelated.background(lifted.embed)
    )
    with taught.store.transaction() as database:
        indexes.set_floor(database, index, floor)
    assert noise() <= 2
    found = sum(
        any(
            question["answer"] in " ".join(passage.text.split())
            for passage in search.find(question["text"], person="anna", limit=4)
        )
        for question in household["questions"]
    )
    assert found >= 36
