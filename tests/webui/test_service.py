"""Where the bodies of requests wait while they arrive."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from waitress.buffers import OverflowableBuffer

from agent import settings as ground
from webui.service import spool_at_home


def test_large_bodies_wait_in_the_house_and_leftovers_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    settings = ground.load({**os.environ, "NISSE_HOME": str(tmp_path)})
    leftover = settings.folder("run", "uploads") / "torn"
    leftover.write_bytes(b"x")
    folder = spool_at_home(settings)
    assert not leftover.exists()
    body = OverflowableBuffer(1000)
    body.append(b"x" * 5000)
    try:
        place = Path(f"/proc/self/fd/{body.getfile().fileno()}").readlink()
    finally:
        body.close()
    assert place.parent == folder
