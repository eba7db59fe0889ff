"""What the tests of whole updates begin with: a publisher, a house of updates, and the steps that many of them share.

Owns: those steps.
Does not know: what is tested.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.release.publishing import Publisher
from tests.updates.household import Household, furnish, new_file, put


def a_house(tmp_path: Path, publisher: Publisher, policy: str = "ask", **more: Any) -> Household:
    folder = tmp_path / "models"
    old = put(folder, "old", seed=1)
    return furnish(folder, old, root=publisher.root, urls=[publisher.url], policy=policy, **more)


def again(house: Household, publisher: Publisher, boot: str = "first") -> Household:
    """The house after a restart."""
    old = house.brain.supply._own.models[0]
    fresh = furnish(house.folder, old, root=publisher.root, urls=[publisher.url], boot=boot)
    fresh.brain.crashes = dict(house.brain.crashes)
    return fresh


def publish_model(tmp_path: Path, publisher: Publisher, name: str = "new", **told: Any) -> int:
    return publisher.add(new_file(tmp_path / "made", name), name=name, title=name.title(), **told).seq


def publish_embedder(tmp_path: Path, publisher: Publisher) -> int:
    tmp_path.joinpath("vectors.onnx").write_bytes(b"\x08\x07 an embedder's file" * 5000)
    about: dict[str, Any] = {
        "name": "vectors",
        "title": "Vectors",
        "licence": "CC0-1.0",
        "memory": 90,
        "context": 256,
        "quantisation": "F32",
        "parameters": 22,
        "probes": [{"prompt": "a cat", "near": "a kitten", "far": "the law of taxes"}],
        "limits": {"embed_dim": 384},
    }
    return publisher.add(tmp_path / "vectors.onnx", role="embed", **about).seq


def offered(house: Household) -> Household:
    house.owner.check()
    house.until("offered")
    return house
