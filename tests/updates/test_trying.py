"""Three of the bad candidates of T8 with every run of the tests; `make test-updates` tries all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.updates import trying

pytestmark = [pytest.mark.models, pytest.mark.timeout(900)]


def test_a_bad_candidate_is_put_back_by_itself_and_the_owner_is_told_why(tmp_path: Path) -> None:
    tried, serving, _ = trying.measure(tmp_path, quick=True)
    assert tried.value == 3
    assert serving.value == 0
