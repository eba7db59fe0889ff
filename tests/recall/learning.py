"""Teaching a room what the household of `household.toml` knows, and waiting until it has learned it.

Owns: how a test fills a room.
Does not know: what is asked of it.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.recall.service import Room

_PATIENCE_S = 60.0


def household() -> dict[str, Any]:
    """Documents, memories, questions with answers, and questions that have nothing to do with them."""
    return tomllib.loads(Path(__file__).with_name("household.toml").read_text(encoding="utf-8"))


def teach(room: Room, household: dict[str, Any]) -> None:
    """Gives the room everything the household knows: documents to the house, memories to anna."""
    for document in household["documents"]:
        data = document["text"].encode()
        room.library.add(document["name"], "", data, audience="house", source={"from": "test"})
    for number, memory in enumerate(household["memories"]):
        room.memory.keep("anna", memory["text"], message_id=f"m{number}", at=1_700_000_000.0 + number)


def embed_all(room: Room) -> None:
    """Embeds all that is pending, here and now."""
    while room.pending.embed_some():
        pass
    assert room.pending.count() == 0


def wait_until(condition: Callable[[], bool]) -> None:
    """Waits for something that happens in the background."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
