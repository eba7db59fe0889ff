"""A few torn files of T3 with every run of the tests; `make test-updates` tears all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.updates import tearing


@pytest.mark.timeout(600)
def test_with_any_file_torn_the_house_starts_and_old_or_new_answers(tmp_path: Path) -> None:
    torn, wrong = tearing.measure(tmp_path, quick=True)
    assert torn.value == tearing.QUICK
    assert wrong.value == 0


@pytest.mark.timeout(600)
def test_every_kind_of_file_is_among_those_that_are_torn(tmp_path: Path) -> None:
    place = tearing.site(tmp_path)
    files = {tear.file for tear in tearing.every(place)}
    kinds = ("state.json", "bad.json", "history.json", "letters.json", "sets/active", "sets/previous", "sets/1.json", ".journal", "tuf/current", "timestamp.json", "seen.json", ".verified", "blobs/")  # fmt: skip
    assert all(any(kind in file for file in files) for kind in kinds)
    assert len(list(tearing.every(place))) >= 300
