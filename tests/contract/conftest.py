"""What the tests of the brain's API share: a real brain with the smallest model, and the official client.

Owns: starting the brain once for all of them.
Does not know: what is asked of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from openai import OpenAI

from tests.conftest import CHAT_MODEL
from tests.live.running import Running, until


@pytest.fixture(scope="session")
def brain(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A brain that answers."""
    values = {"brain.model": CHAT_MODEL, "brain.context": "2048"}
    with Running(tmp_path_factory.mktemp("brain"), values) as running:
        running.start("brain", wait_for="brain")
        until(lambda: (running.answers("brain") or {}).get("ready"), 60, "a ready brain")
        yield running


@pytest.fixture
def ai(brain: Running) -> Iterator[OpenAI]:
    """The official client, as its users make it."""
    with OpenAI(
        base_url=f"{brain.settings.text('brain.url')}/v1", api_key="not needed", max_retries=0
    ) as client:
        yield client


@pytest.fixture
def http(brain: Running) -> Iterator[httpx.Client]:
    """A plain client, for what the official one would not send."""
    with httpx.Client(base_url=brain.settings.text("brain.url"), trust_env=False, timeout=60) as client:
        yield client
