"""What a target that measures leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import measured
from tests.measured import Check


@pytest.mark.parametrize(
    ("value", "goal", "holds"),
    [(0, "<= 0", True), (1, "<= 0", False), (0.97, ">= 0.97", True), (0.9, ">= 0.97", False), (7, "", True)],
)
def test_a_goal_is_reached_or_not(value: float, goal: str, holds: bool) -> None:
    assert Check(name="it", value=value, goal=goal).holds is holds


def test_the_report_has_every_figure_whatever_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measured, "REPORTS", tmp_path)
    checks = [Check(name="lost", value=2, goal="<= 0"), Check(name="took", value=1.5, unit="s")]
    measured.write("test-it", checks, seed=3)
    found = json.loads((tmp_path / "test-it.json").read_text())
    assert found["checks"][0] == {"name": "lost", "value": 2, "unit": "", "goal": "<= 0", "holds": False}
    assert found["seed"] == 3
    assert "FAILS" in capsys.readouterr().out
    assert measured.measured(checks) == 0


def test_what_could_not_be_measured_is_told_by_the_exit_status() -> None:
    assert measured.measured([Check(name="it", value=None)]) == 1
    assert measured.measured([]) == 1
