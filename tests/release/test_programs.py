"""Versions of Nisse in a repository: published, seen by a box, rolled out, taken back; and a repository that knew none gets its role."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.errors import ConflictError, NisseError, NotFoundError, SettingsError
from provisioning.release import changing, checking, programs
from provisioning.release.command import arguments, run
from provisioning.updates import chunks
from provisioning.updates.metadata import Metadata
from tests.release.publishing import Publisher, program_file


def test_a_box_believes_what_was_published(publisher: Publisher, tmp_path: Path) -> None:
    file = program_file(tmp_path / "built", "0.5.1")
    made = publisher.add_program(file, notes="Answers sooner.", rollout={"percent": 10})
    news = checking.check(publisher.folder, publisher.root)
    assert news.faults == ()
    [program] = news.news.programs
    assert program == made
    assert (program.version, program.notes, program.rollout.percent) == ("0.5.1", "Answers sooner.", 10)
    assert program.published
    assert news.news.targets[program.target].sha256 == program.sha256
    listed = publisher.folder / "targets" / "programs" / "amd64"
    content = next(listed.glob("*.raw.chunks")).read_bytes()
    assert chunks.read(content, program.size)


def test_the_same_file_for_another_machine_stands_beside_it(publisher: Publisher, tmp_path: Path) -> None:
    publisher.add_program(program_file(tmp_path, "0.5.1"))
    publisher.add_program(program_file(tmp_path, "0.5.1", architecture="arm64"))
    publisher.add_program(program_file(tmp_path, "0.10.0"))
    found = [(each.version, each.architecture) for each in programs.all_programs(publisher.repository)]
    assert found == [("0.10.0", "amd64"), ("0.5.1", "arm64"), ("0.5.1", "amd64")]


def test_a_version_is_never_published_twice(publisher: Publisher, tmp_path: Path) -> None:
    file = program_file(tmp_path, "0.5.1")
    publisher.add_program(file)
    with pytest.raises(ConflictError, match="already"):
        programs.add(publisher.repository, file, publisher.keys)


def test_taking_back_reaches_every_architecture(publisher: Publisher, tmp_path: Path) -> None:
    for architecture in ("amd64", "arm64"):
        publisher.add_program(program_file(tmp_path, "0.5.1", architecture=architecture))
    assert programs.yank(publisher.repository, "0.5.1", "It loses letters.", publisher.keys) == []
    news = checking.check(publisher.folder, publisher.root).news
    assert [each.yanked for each in news.programs] == ["It loses letters."] * 2
    with pytest.raises(NotFoundError, match="no version"):
        programs.yank(publisher.repository, "0.9", "why", publisher.keys)
    with pytest.raises(SettingsError, match="why"):
        programs.yank(publisher.repository, "0.5.1", " ", publisher.keys)


def test_a_repository_from_before_gets_the_role_and_old_boxes_believe_it(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path / "repository", programs=False)
    box = Metadata(tmp_path / "box", publisher.root, lambda: [publisher.url])
    before = box.refresh()
    assert (before.programs, before.program_trouble) == ((), "")
    file = program_file(tmp_path, "0.5.1")
    with pytest.raises(NotFoundError, match="who may sign") as refused:
        programs.add(publisher.repository, file, publisher.keys)
    assert "release role" in refused.value.hint
    keys = [key.public_key for key in publisher.keys.by_role["programs"]]
    assert publisher.repository.allow_programs(keys, 1, publisher.keys) == []
    publisher.add_program(file)
    assert [each.version for each in box.refresh().programs] == ["0.5.1"]
    assert [each.version for each in (box.known() or before).programs] == ["0.5.1"]


def test_the_role_waits_for_who_signs_targets(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path / "repository", programs=False)
    second = publisher.keys.by_role["targets"][1].public_key.keyid
    publisher.keys.away = {second}
    keys = [key.public_key for key in publisher.keys.by_role["programs"]]
    [lacking] = publisher.repository.allow_programs(keys, 1, publisher.keys)
    assert (lacking.role, lacking.have, lacking.need) == ("targets", 1, 2)
    assert checking.check(publisher.folder, publisher.root).faults == ()  # boxes see what they saw
    assert not publisher.repository.has_programs
    publisher.keys.away = set()
    assert publisher.repository.sign(publisher.keys) == []
    publisher.add_program(program_file(tmp_path, "0.5.1"))
    assert checking.check(publisher.folder, publisher.root).faults == ()


def test_a_daily_refresh_signs_programs_too(publisher: Publisher) -> None:
    assert publisher.refresh() == []
    assert "programs" in publisher.repository.expiries()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"python": 3.13}, "does not say all"),
        ({"python": "python3"}, "3.13"),
        ({"architecture": "riscv64"}, "riscv64"),
        ({"readable_by": "new"}, "no version"),
        ({"format": 2}, "format"),
        ({"version": "0.5.1-beta"}, "no version"),
    ],
)
def test_what_cannot_be_is_not_published(
    publisher: Publisher, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    file = program_file(tmp_path, "0.5.1")
    about = json.loads(file.with_suffix(".json").read_text())
    file.with_suffix(".json").write_text(json.dumps(about | change))
    with pytest.raises(SettingsError, match=said):
        programs.add(publisher.repository, file, publisher.keys)
    assert programs.all_programs(publisher.repository) == []


def test_only_what_the_bundle_maker_wrote_is_published(publisher: Publisher, tmp_path: Path) -> None:
    file = program_file(tmp_path, "0.5.1")
    file.write_bytes(b"GIF89a")
    with pytest.raises(SettingsError, match="no program"):
        programs.add(publisher.repository, file, publisher.keys)
    file.with_suffix(".json").unlink()
    with pytest.raises(NotFoundError, match="json cannot be read") as missing:
        programs.add(publisher.repository, file, publisher.keys)
    assert "bundle-app" in missing.value.hint


def test_throwing_old_models_away_leaves_programs_and_the_other_way_round(
    publisher: Publisher, model: Path, tmp_path: Path
) -> None:
    for number in range(1, 4):
        publisher.add(model, name=f"model-{number}")
        publisher.add_program(program_file(tmp_path, f"0.5.{number}"))
    assert changing.prune(publisher.repository, 1, publisher.keys) == ([1, 2], [])
    assert checking.check(publisher.folder, publisher.root).faults == ()
    gone, lacking = programs.prune(publisher.repository, 2, publisher.keys)
    assert (gone, lacking) == (["programs/amd64/nisse-0.5.1.json"], [])
    assert changing.prune(publisher.repository, 1, publisher.keys) == ([], [])
    news = checking.check(publisher.folder, publisher.root)
    assert (news.faults, [each.version for each in news.news.programs]) == ((), ["0.5.3", "0.5.2"])
    assert len(list((publisher.folder / "targets" / "programs").rglob("*.raw"))) == 2


def test_the_commands_of_a_maintainer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import argparse

    monkeypatch.setenv("NISSE_RELEASE_PASSPHRASE", "a long passphrase")
    repository, keys = str(tmp_path / "served"), str(tmp_path / "keys")

    def said(*words: str) -> str:
        parser = argparse.ArgumentParser()
        arguments(parser)
        assert run(parser.parse_args(list(words))) == 0
        return capsys.readouterr().out

    said(
        "init",
        repository,
        "--keys",
        keys,
        "--root",
        "1/1",
        "--targets",
        "1/1",
        "--models",
        "1/1",
        "--programs",
        "1/1",
    )
    file = program_file(tmp_path / "built", "0.5.1")
    assert "Nisse 0.5.1 for amd64" in said(
        "program", repository, str(file), "--keys", keys, "--notes", "New."
    )
    said("rollout", repository, "0.5.1", "--keys", keys, "--percent", "10")
    assert "10 % of boxes" in said("show", repository)
    said("yank", repository, "0.5.1", "--keys", keys, "--why", "It loses letters.")
    assert "TAKEN BACK: It loses letters." in said("show", repository)
    assert "1 versions of Nisse" in said("verify", repository)
    with pytest.raises(NisseError, match="no release"):
        said("yank", repository, "newest", "--keys", keys, "--why", "It is old.")
