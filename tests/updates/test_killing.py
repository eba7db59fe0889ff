"""A few deaths of T1 with every run of the tests; `make test-updates` dies at all places."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.updates import killing

pytestmark = pytest.mark.timeout(900)


def test_after_a_kill_old_or_new_answers_and_the_next_start_ends_the_update(tmp_path: Path) -> None:
    points, wrong = killing.measure(tmp_path, quick=True)
    assert points.value == 5 * (killing.QUICK // 3)
    assert wrong.value == 0


def test_a_model_that_is_not_what_its_name_says_would_be_seen(tmp_path: Path) -> None:
    with killing.site(tmp_path) as place:
        folder = killing._fresh(place, place.stories[0])
        assert killing.looked(place, folder) == ""
        killing._forked(lambda: killing._run(place, place.stories[0], folder, lambda _house: None))
        assert killing.looked(place, folder, at_the_end="new") == ""
        assert killing.looked(place, folder, at_the_end="old") != ""
        blob = next(path for path in (folder / "blobs" / "sha256").iterdir())
        blob.chmod(0o600)
        blob.write_bytes(b"GGUF" + bytes(100))
        assert "not what their names say" in killing.looked(place, folder)
