"""Every lie of a hostile repository is refused with its named reason, and what is honest is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.updates.hostile import Case, Stage, cases


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_lie_is_refused_for_its_reason(case: Case, tmp_path: Path) -> None:
    assert case.play(Stage(tmp_path)) in case.reasons


def test_no_case_is_there_twice() -> None:
    assert len({case.name for case in cases()}) == len(cases()) >= 40
