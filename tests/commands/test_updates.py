"""`nisse updates`: how things stand, the owner's word, and a model of one's own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import __main__ as agent_main
from agent import settings
from agent.commands import updates as command
from agent.errors import ConflictError, RequestError, UnreachableError
from tests.conftest import CHAT_MODEL
from tests.fakes.updates import BAD, OFFER, PROGRAM_OFFER, Updates, idle, program


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Updates]:
    with Updates(tmp_path / "far") as far:
        monkeypatch.setenv("NISSE_UPDATES_URL", far.url)
        yield far


def nisse_updates(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    return command.run(settings.load(), parser.parse_args(words))


def test_it_shows_how_things_stand(far: Updates, capsys: pytest.CaptureFixture[str]) -> None:
    progress = {"done": 50, "total": 200, "word": "bytes"}
    far.state = idle(
        offer=OFFER,
        bad=[BAD],
        progress=progress,
        previous=None,
        notice={"key": "k", "at": 1.0, "sentence": "Told."},
    )
    assert nisse_updates("status") == 0
    said = capsys.readouterr().out
    for words in (
        "All is up to date.",
        "25 % of the bytes",
        "Smol 135M 1.0, all-MiniLM (signed by its publisher)",
        "Smol 135M 2.0, Apache-2.0, 3 MB to fetch",
        "Is faster.",
        "the answer lacks",
        "Told.",
        "new models: ask",
    ):
        assert words in said


def test_the_owners_words_are_passed_on(far: Updates) -> None:
    far.state = idle(offer=OFFER)
    for word in ("check", "install", "decline", "back", "stop"):
        assert nisse_updates(word) == 0
    assert far.said == [
        ("check", {}),
        ("install", {"seq": 12}),
        ("decline", {"seq": 12}),
        ("back", {}),
        ("stop", {}),
    ]


def test_with_a_word_it_is_the_command_and_not_the_service(
    far: Updates, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["nisse", "updates", "check"])
    assert agent_main.main() == 0
    assert far.said == [("check", {})]
    assert "All is up to date." in capsys.readouterr().out


def test_what_cannot_be_done_is_told(far: Updates) -> None:
    with pytest.raises(RequestError, match="No model is offered"):
        nisse_updates("install")
    far.refuses = "There is nothing to go back to."
    with pytest.raises(ConflictError, match="nothing to go back to"):
        nisse_updates("back")


def test_a_house_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NISSE_UPDATES_URL", "http://127.0.0.1:9")
    with pytest.raises(UnreachableError):
        nisse_updates("status")


def test_the_test_questions_are_listed(far: Updates, capsys: pytest.CaptureFixture[str]) -> None:
    nisse_updates("questions")
    assert "There are none." in capsys.readouterr().out
    far.questions.keep("When is the hedge cut?", "In March.", must=["March"])
    nisse_updates("questions")
    assert "a good answer holds: March" in capsys.readouterr().out


@pytest.mark.models
def test_a_model_of_ones_own_is_brought(
    far: Updates, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = (models / CHAT_MODEL).glob("*.gguf")
    assert nisse_updates("bring", str(file)) == 0
    assert "is tried now" in capsys.readouterr().out
    assert [model.size for model in far.offered] == [file.stat().st_size]


def test_a_file_that_is_no_model_is_refused(
    far: Updates, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"GGUF" + bytes(5_000))
    assert nisse_updates("bring", str(wrong)) == 1
    assert capsys.readouterr().err.strip()
    with pytest.raises(RequestError, match="cannot be read"):
        nisse_updates("bring", str(tmp_path / "absent.gguf"))
    assert far.offered == []


def test_nisse_itself_is_shown_and_moved(far: Updates, capsys: pytest.CaptureFixture[str]) -> None:
    far.program = program(
        sentence="Nisse 0.5.1 is there.", offer=PROGRAM_OFFER, can_go_back=True, back_to="0.4.9", bad=[BAD]
    )
    assert nisse_updates("program") == 0
    said = capsys.readouterr().out
    for words in (
        "Runs     Nisse 0.5.0",
        "Before   Nisse 0.4.9",
        "Offered  Nisse 0.5.1, 98 MB",
        "sooner",
        "Failed   Nisse 1.9",
    ):
        assert words in said
    for word in ("install", "decline", "back", "stop"):
        assert nisse_updates("program", word) == 0
    assert [word for word, _body in far.said] == [
        "program install", "program decline", "program back", "program stop",
    ]  # fmt: skip
    assert far.said[0][1] == {"version": "0.5.1"}
    far.program = program()
    with pytest.raises(RequestError, match="No version of Nisse"):
        nisse_updates("program", "install")


def test_on_a_desk_it_says_that_this_nisse_is_no_boxs(
    far: Updates, capsys: pytest.CaptureFixture[str]
) -> None:
    far.program = program(box=False, sentence="It is updated from its checkout.")
    assert nisse_updates("program") == 0
    assert "It is updated from its checkout." in capsys.readouterr().out
    with pytest.raises(RequestError, match="updated from its checkout"):
        nisse_updates("program", "install")
