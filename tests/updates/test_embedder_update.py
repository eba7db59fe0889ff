"""A new embedder from a signed repository to the answers: brain, recall and updates as real processes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.embed.embedding import name_of
from agent.models.catalogue import Model
from tests.conftest import CHAT_MODEL
from tests.live.running import Running, until
from tests.recall import another, learning
from tests.release.publishing import Publisher

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]

PROBE = {
    "prompt": "How do I get the kitchen trash collected?",
    "near": "The dustbin lorry comes on Tuesdays before seven.",
    "far": "The boiler is a Vaillant and was installed in October.",
}


@pytest.fixture
def second(models: Path, tmp_path: Path) -> Model:
    """Made elsewhere: the box has none of its files."""
    (tmp_path / "elsewhere").mkdir()
    return another.shelved(models, tmp_path / "elsewhere", "better")


@pytest.fixture
def house(models: Path, tmp_path: Path, second: Model) -> Iterator[Running]:
    folder = another.house_folder(models, tmp_path / "shelf")
    (folder / CHAT_MODEL).symlink_to(models / CHAT_MODEL)
    publisher = Publisher(tmp_path / "repository")
    files = [tmp_path / "elsewhere" / second.name / file.name for file in second.files]
    told: dict[str, Any] = {
        "name": second.name,
        "title": "Better",
        "licence": "Apache-2.0",
        "probes": [PROBE],
        "notes": "Finds more.",
    }
    told |= {"parameters": second.parameters, "quantisation": second.quantisation, "context": second.context}
    # It takes some milliseconds a text: what the machine does beside is more than the difference between two embedders.
    limits = {"minimum_speed": 0.05}
    publisher.add(*files, role="embed", memory=second.memory, limits=limits, **told)
    root = tmp_path / "root.json"
    root.write_bytes(publisher.root)
    values = {
        "models.folder": str(folder),
        "brain.model": "",
        "brain.context": "512",
        "updates.source": publisher.url,
        "updates.root": str(root),
        "updates.delay": "0",
    }
    with Running(tmp_path / "home", values) as running:
        for service in ("conversation", "recall", "brain", "updates"):
            running.start(service, wait_for=service)
        running.claim()
        yield running


def state(house: Running) -> dict[str, Any]:
    return dict(house.client("updates").get("/state"))


def embedder(house: Running) -> str:
    return str(house.client("recall").get("/info")["embedder"])


def finds(house: Running) -> bool:
    query = {"query": PROBE["prompt"], "person": "anna"}
    found = house.client("recall").post("/search", query)["passages"]
    return any("dustbin lorry" in passage["text"] for passage in found)


def test_it_takes_over_with_its_index_and_goes_back(
    house: Running, second: Model, household: dict[str, Any]
) -> None:
    for document in household["documents"]:
        data = base64.b64encode(document["text"].encode()).decode()
        body = {"name": document["name"], "audience": "house", "source": {}, "media_type": "", "data": data}
        house.client("recall").post("/documents", body)
    until(lambda: house.client("recall").get("/info")["pending"] == 0, 120, "the first index")
    assert finds(house)
    house.client("updates").post("/check", {})
    offer = until(lambda: state(house)["offer"], 60, "the offer")
    assert (offer["role"], offer["title"], offer["notes"]) == ("embed", "Better", "Finds more.")
    house.client("updates").post("/install", {"seq": offer["seq"]})

    def taken() -> bool:
        assert finds(house), "somebody may ask at any moment"
        assert not state(house)["bad"]
        return embedder(house) == name_of(second)

    until(taken, 300, "the new embedder")
    info = house.client("recall").get("/info")
    assert (info["pending"], info["embedding"]) == (0, True)
    assert finds(house)

    until(lambda: state(house)["can_go_back"], 60, "the way back")
    house.client("updates").post("/back", {})
    until(lambda: embedder(house) == name_of(another.own()), 60, "the old embedder")
    assert house.client("recall").get("/info")["pending"] == 0
    assert finds(house)


@pytest.fixture(scope="module")
def household() -> dict[str, Any]:
    return learning.household()
