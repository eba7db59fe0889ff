"""What the tests of recall share: a room with a database of its own, empty or taught.

Owns: how a room is furnished for a test.
Does not know: what is tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import settings
from agent.recall import service
from agent.recall.service import Room
from tests.recall import learning


@pytest.fixture
def room() -> Iterator[Room]:
    """The service's parts; its background does not run unless the test starts it."""
    parts = service.furnish(settings.load())
    yield parts
    parts.pending.stop()
    parts.store.close()


@pytest.fixture
def wordy_room(room_without_models: None, room: Room) -> Room:
    """A room in a house that has no embedding model yet."""
    return room


@pytest.fixture
def room_without_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The house has no model at all."""
    monkeypatch.setenv("NISSE_MODELS_FOLDER", str(tmp_path / "no-models"))


@pytest.fixture(scope="session")
def household() -> dict[str, Any]:
    """Documents, memories, questions with answers, and questions that have nothing to do with them."""
    return learning.household()


@pytest.fixture
def taught(models: Path, room: Room, household: dict[str, Any]) -> Room:
    """A room that knows the household, every passage embedded by the real model."""
    learning.teach(room, household)
    learning.embed_all(room)
    return room
