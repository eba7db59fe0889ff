"""Changing what is out: roll-out, taking back, the floor, throwing away."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import NotFoundError, SettingsError
from provisioning.release import changing, checking
from provisioning.updates.metadata import Metadata
from provisioning.updates.news import News
from tests.fakes import gguf
from tests.release.publishing import Publisher


def _news(publisher: Publisher) -> News:
    box = Metadata(publisher.folder.parent / "box", publisher.root, lambda: [publisher.url])
    return box.refresh()


def _three(publisher: Publisher, folder: Path) -> None:
    for seed in (1, 2, 3):
        publisher.add(gguf.write(folder / "model.gguf", seed=seed, size=4000), version=f"{seed}.0")


def test_a_roll_out_is_widened(publisher: Publisher, model: Path) -> None:
    publisher.add(model, rollout={"percent": 5})
    assert changing.roll_out(publisher.repository, 1, publisher.keys, percent=50, critical=True) == []
    (release,) = _news(publisher).releases
    assert (release.rollout.percent, release.rollout.critical, release.rollout.salt) == (
        50,
        True,
        "release 1",
    )


def test_a_roll_out_must_be_changed_to_something(publisher: Publisher, model: Path) -> None:
    publisher.add(model)
    with pytest.raises(SettingsError):
        changing.roll_out(publisher.repository, 1, publisher.keys)
    with pytest.raises(SettingsError):
        changing.roll_out(publisher.repository, 1, publisher.keys, percent=101)


def test_a_release_is_taken_back_with_a_word_to_owners(publisher: Publisher, model: Path) -> None:
    publisher.add(model)
    publisher.yank(1, "It forgets names.")
    assert _news(publisher).releases[0].yanked == "It forgets names."
    with pytest.raises(SettingsError):
        changing.yank(publisher.repository, 1, " ", publisher.keys)


def test_a_floor_is_remembered_by_boxes(publisher: Publisher, tmp_path: Path) -> None:
    _three(publisher, tmp_path)
    publisher.raise_floor(2)
    assert _news(publisher).floors == {"chat": 2}


def test_old_releases_are_thrown_away_with_their_files(publisher: Publisher, tmp_path: Path) -> None:
    _three(publisher, tmp_path)
    publisher.raise_floor(1)
    gone, lacking = changing.prune(publisher.repository, 1, publisher.keys)
    assert (gone, lacking) == ([2], [])  # the first bears the floor
    assert [release.seq for release in _news(publisher).releases] == [3, 1]
    assert not [path for path in (publisher.folder / "targets" / "models" / "2").rglob("*") if path.is_file()]
    assert checking.check(publisher.folder, publisher.root).faults == ()


def test_files_stay_until_all_have_signed(publisher: Publisher, tmp_path: Path) -> None:
    _three(publisher, tmp_path)
    publisher.keys.away = {key.public_key.keyid for key in publisher.keys.by_role["models"]}
    _, lacking = changing.prune(publisher.repository, 1, publisher.keys)
    assert lacking
    assert checking.check(publisher.folder, publisher.root).faults == ()


def test_something_must_stay(publisher: Publisher) -> None:
    with pytest.raises(SettingsError):
        changing.prune(publisher.repository, 0, publisher.keys)


def test_a_release_that_is_not_there_is_said(publisher: Publisher) -> None:
    with pytest.raises(NotFoundError, match="There is no release 9"):
        changing.yank(publisher.repository, 9, "Bad.", publisher.keys)
