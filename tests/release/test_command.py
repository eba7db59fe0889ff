"""`nisse release` as a maintainer types it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent import __main__ as nisse
from provisioning.release import keys

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv(keys.PASSPHRASE, "five words by chance here")
    monkeypatch.setattr(keys, "_ROUNDS", 1000)  # else each key costs a fifth of a second

    def run(*words: str | Path) -> int:
        monkeypatch.setattr(sys, "argv", ["nisse", "release", *map(str, words)])
        return nisse.main()

    return run


def test_the_whole_way_of_a_maintainer(
    run: Run, tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository, drawer = tmp_path / "served", tmp_path / "drawer"
    with_keys = ("--keys", drawer)
    assert run("init", repository, *with_keys) == 0
    assert "metadata/1.root.json" in capsys.readouterr().out
    assert min(path.name for path in drawer.glob("*.p12")) == "models-1.p12"

    add = ("add", repository, *with_keys, model, "--title", "A model", "--version", "1.0", "--percent", "10")
    assert run(*add) == 1
    assert "No probe says" in capsys.readouterr().err
    assert run(*add, "--probe", r"What is 2 + 2? => \b4\b") == 0
    assert "1 chat  small-model-v1.0 1.0 (2 MB) 10 % of boxes" in capsys.readouterr().out

    assert run("rollout", repository, "1", *with_keys, "--percent", "100", "--from", "2026-12-01") == 0
    assert run("refresh", repository, *with_keys) == 0
    assert run("show", repository) == 0
    assert "100 % of boxes" in capsys.readouterr().out
    assert run("verify", repository) == 0
    assert (
        "A box believes 1 releases of models and 0 versions of Nisse, with 3 files."
        in capsys.readouterr().out
    )
    assert run("copy", repository, tmp_path / "stick") == 0
    assert run("yank", repository, "1", *with_keys, "--why", "It forgets names.") == 0
    assert run("show", repository) == 0
    assert "TAKEN BACK: It forgets names." in capsys.readouterr().out


def test_two_people_sign_one_after_the_other(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository, here, there = tmp_path / "served", tmp_path / "here", tmp_path / "there"
    assert (
        run("init", repository, "--keys", here, "--root", "1/1", "--targets", "1/1", "--models", "2/2") == 0
    )
    there.mkdir()
    for name in ("models-2.p12", "models-2.pub.json"):
        (here / name).rename(there / name)
    assert run("key", here, "models-3") == 0
    capsys.readouterr()
    removed = keys.public(here / "models-1.pub.json").keyid[:8]
    change = ("role", repository, "models", "--add", here / "models-3.pub.json", "--remove", removed)
    assert run(*change, "--keys", here) == 4
    assert "The list models is signed by 1 of 2: 1 more must sign it" in capsys.readouterr().out
    assert run("sign", repository, "--keys", here, "--keys", there) == 0
    assert run("verify", repository) == 0


def test_a_broken_repository_is_said(run: Run, tmp_path: Path, model: Path) -> None:
    repository, drawer = tmp_path / "served", tmp_path / "drawer"
    assert run("init", repository, "--keys", drawer) == 0
    assert run("add", repository, "--keys", drawer, model, "--probe", "a => b") == 0
    next((repository / "targets").rglob("*.gguf")).unlink()
    assert run("verify", repository) == 1


def test_what_is_not_there_is_said(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("show", "verify", "unstage"):
        status = run(command, tmp_path / "nothing")
        assert status == (0 if command == "unstage" else 1)
    assert run("refresh", tmp_path / "nothing", "--keys", tmp_path / "stick") == 1
    assert "There is no folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("--root", "3"), ("--root", "3/2"), ("--root", "0/1"), ("--root", "a/b")], ids=str
)
def test_how_many_must_sign_is_said_rightly(run: Run, tmp_path: Path, words: tuple[str, str]) -> None:
    assert run("init", tmp_path / "served", "--keys", tmp_path / "drawer", *words) == 1
    assert not (tmp_path / "served").exists()


def test_a_probe_has_two_parts(run: Run, tmp_path: Path, model: Path) -> None:
    assert run("add", tmp_path / "served", model, "--probe", "What is 2 + 2?") == 1


def test_help_shows_the_whole_way(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--help")
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for word in ("init", "add", "rollout", "refresh", "yank", "verify", "off line", "staged"):
        assert word in text
