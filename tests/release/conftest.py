"""A repository of the test's own, and a small model to publish."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import gguf
from tests.release.publishing import Publisher


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "repository")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return gguf.write(tmp_path / "Small-Model.gguf", size=2_000_000)
