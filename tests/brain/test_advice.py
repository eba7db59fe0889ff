"""What `nisse fit` shows, from a real brain."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.brain.fit import boards
from agent.commands import fit as command
from agent.errors import NisseError
from tests.conftest import CHAT_MODEL
from tests.live.ports import free_port
from tests.live.running import Running, until

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def running(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    values = {"brain.model": CHAT_MODEL, "brain.context": "1024"}
    with Running(tmp_path_factory.mktemp("fit"), values) as brain:
        brain.start("brain", wait_for="brain")
        until(lambda: (brain.answers("brain") or {}).get("ready"), 60, "a ready brain")
        yield brain


def _run(running: Running, *words: str) -> int:
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    return command.run(running.settings, parser.parse_args(words))


def test_this_boxs_choice_is_explained(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(running) == 0
    shown = capsys.readouterr().out
    assert "SmolLM2 135M Instruct (Q4_1)" in shown
    assert "It was chosen in the settings." in shown
    assert "One conversation may be 1024 tokens long" in shown


def test_the_table_has_a_line_for_every_board(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(running, "--table") == 0
    shown = capsys.readouterr().out
    assert all(known.board in shown for known in boards.KNOWN)
    pi = next(line for line in shown.splitlines() if line.startswith("Raspberry Pi 4, 2 GB"))
    assert "qwen2.5-coder-0.5b-instruct-q4_k_m" in pi


def test_without_a_brain_it_says_so(running: Running) -> None:
    away = running.settings.with_values({"brain.url": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(NisseError):
        command.run(away, argparse.Namespace(table=False))
