"""The builder's command line: what it refuses before anything is built."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provisioning.image import board as boards
from provisioning.image.__main__ import main


@pytest.fixture(autouse=True)
def same_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command goes to the checkout; nobody after it shall find itself there."""
    monkeypatch.chdir(Path.cwd())


@pytest.mark.parametrize("name", [name for name in boards.names() if not boards.load(name).base])
def test_the_plan_of_every_board_is_printed_without_doing_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--board", name, "--plan", "--out", "/nowhere/at/all"]) == 0
    printed = capsys.readouterr().out
    assert "mmdebstrap" in printed
    assert "/nowhere/at/all" in printed
    assert not Path("/nowhere").exists()


@pytest.mark.parametrize("name", [name for name in boards.names() if boards.load(name).base])
def test_a_board_that_needs_anothers_system_says_so_in_one_sentence(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--board", name]) == 1
    said = capsys.readouterr().err.strip()
    assert boards.load(name).base in said
    assert f"make bundle BOARD={name}" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--board", "toaster"], "There is no board 'toaster'."),
        (["--board", "pc", "--model", "gpt-9"], "gpt-9"),
        (["--board", "pc", "--model", "all-minilm-l6-v2"], "is no chat model"),
        (["--board", "pc", "--keyring", "/no/such.pem"], "There is no /no/such.pem."),
        (["--board", "pc", "--updates", "/no/such"], "There is no /no/such/root.json."),
        (["--board", "pc", "--like", "/no/such.tsv"], "There is no /no/such.tsv."),
        (["--board", "pc", "--until", "breakfast"], "There is no step 'breakfast'."),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    assert said in capsys.readouterr().err


def test_the_moment_of_the_image_must_be_a_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert main(["--board", "pc", "--plan"]) == 1
    assert "SOURCE_DATE_EPOCH" in capsys.readouterr().err


def test_who_is_not_root_is_told_how_to_become_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["--board", "pc"]) == 1
    assert "sudo" in capsys.readouterr().err
