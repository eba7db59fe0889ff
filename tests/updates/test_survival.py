"""The report of `make test-updates`: every figure has its place, measured or not."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

from tests import measured
from tests.measured import Check
from tests.updates import __main__ as report
from tests.updates import survival

NAMES = {
    "kill_points", "kill_points_not_serving", "torn_files", "torn_files_wrong", "hostile_cases", "hostile_accepted", "resume_overhead",
    "delta_fraction",
}  # fmt: skip


def test_the_report_has_the_figures_that_are_asked_for() -> None:
    told = {name for names in report.PARTS.values() for name in names}
    assert told >= NAMES
    assert {name for _, names, _ in survival.ROWS for name in names} <= told


@pytest.mark.parametrize("part", report.PARTS)
def test_every_part_can_be_measured(part: str) -> None:
    assert callable(importlib.import_module(f"tests.updates.{part}").measure)


def test_the_table_has_our_figures_beside_the_others() -> None:
    checks = [Check(name="kill_points", value=343), Check(name="kill_points_not_serving", value=0)]
    first, second, *_ = survival.rows(checks)
    assert first["Nisse"] == "kill points 343, kill points not serving 0"
    assert second["Nisse"] == "not measured"
    assert set(first) == {"what", "Nisse", *survival.OTHERS}
    assert max(map(len, survival.lines(checks))) <= 160


def test_a_part_that_breaks_costs_its_own_figures_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(_folder: Path, *, quick: bool) -> list[Check]:
        raise OSError(f"no room, quick: {quick}")

    def works(folder: Path, *, quick: bool) -> list[Check]:
        assert quick
        assert folder.is_dir()
        return [Check(name="torn_files", value=300), Check(name="torn_files_wrong", value=0, goal="<= 0")]

    monkeypatch.setattr("tests.updates.hostile.measure", breaks)
    monkeypatch.setattr("tests.updates.tearing.measure", works)
    monkeypatch.setattr(measured, "REPORTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["test-updates", "--quick", "--only", "hostile,tearing"])
    assert report.main() == 1
    found = json.loads((tmp_path / "test-updates.json").read_text())
    assert {check["name"]: check["value"] for check in found["checks"]} == {
        "hostile_cases": None,
        "hostile_accepted": None,
        "torn_files": 300,
        "torn_files_wrong": 0,
    }
    assert "no room" in capsys.readouterr().out

    def finds_nothing(_folder: Path, *, quick: bool) -> list[Check]:
        return [Check(name="quick", value=int(quick))]

    monkeypatch.setattr("tests.updates.hostile.measure", finds_nothing)
    monkeypatch.setattr(sys, "argv", ["test-updates", "--quick", "--only", "hostile"])
    assert report.main() == 1
    found = json.loads((tmp_path / "test-updates.json").read_text())
    assert found["parts"]["tearing"]["figures"][0] == {
        "name": "torn_files",
        "value": 300,
        "unit": "",
        "goal": "",
    }
    assert len(found["checks"]) == 5, "the other part's figures are kept"
    monkeypatch.setattr(sys, "argv", ["test-updates", "--only", "hostile"])
    report.main()
    found = json.loads((tmp_path / "test-updates.json").read_text())
    assert len(found["checks"]) == 3, "but not those of a quick run in a full one"
