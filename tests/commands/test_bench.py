"""`nisse bench` against a real brain, and against one that has no model yet."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.commands.bench import Figures, _sentences
from tests.conftest import CHAT_MODEL
from tests.live.running import CHECKOUT, Running, until

pytestmark = pytest.mark.models


def bench(house: Running, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent", "bench", *words],
        cwd=CHECKOUT,
        env=house.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_figures_of_this_box_come_in_the_time_allowed(models: Path, tmp_path: Path) -> None:
    with Running(tmp_path / "home", {"brain.model": CHAT_MODEL}) as house:
        house.start("brain", wait_for="brain")
        until(lambda: (house.answers("brain") or {}).get("ready"), 120, "a ready brain")
        told = bench(house, "--json", "--seconds", "40")
        assert told.returncode == 0, told.stderr
        figures = json.loads(told.stdout)
        assert figures["model"] == CHAT_MODEL
        assert figures["conversation"] > 100
        assert min(figures[name] for name in ("reading", "writing", "second_turn", "together")) > 0
        # What it asks may be known to nobody: a second run must read as much as the first.
        again = json.loads(bench(house, "--json", "--seconds", "40").stdout)
        assert again["reading"] < 10 * figures["reading"]


def test_without_a_model_it_says_so(tmp_path: Path) -> None:
    empty = {"brain.model": CHAT_MODEL, "models.folder": str(tmp_path / "none")}
    with Running(tmp_path / "home", empty) as house:
        house.environment["NISSE_MODELS_FOLDER"] = str(tmp_path / "none")
        house.start("brain", wait_for="brain")
        told = bench(house)
        assert told.returncode == 1
        assert "wait for the model" in told.stderr
        assert "Traceback" not in told.stderr


def test_what_could_not_be_measured_is_said() -> None:
    figures = Figures(
        model="slow",
        reading=4.0,
        writing=None,
        second_turn=None,
        conversation=0,
        together=None,
        others=1,
        seconds=60,
    )
    said = "\n".join(_sentences(figures))
    assert said.count("the time did not suffice") == 3
    assert "100.0 s" in said
    assert "Others were being answered" in said
