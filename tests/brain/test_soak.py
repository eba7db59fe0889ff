"""The short form of the soak test; `make test-brain-soak` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.brain.soaking.soak import Soak

pytestmark = pytest.mark.models


def test_nothing_leaks_breaks_or_comes_out_wrong(models: Path, tmp_path: Path) -> None:
    soak = Soak(tmp_path, questions=6, seed=7)
    assert soak.sure >= 3
    result = soak.run(warm_up=100, requests=60)
    assert not result.faults
    assert result.compared > 20
    assert [check for check in result.checks() if not check.holds] == []
