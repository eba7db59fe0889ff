"""Bundles on sticks are found, and nothing that is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.errors import NotFoundError
from provisioning.system import bundles


def lay(path: Path, size: int = 5_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    return path


@pytest.mark.parametrize("place", ["system/STICK", "system/STICK/nisse"])
def test_one_is_found_where_systemd_mounts_sticks(tmp_path: Path, place: str) -> None:
    path = lay(tmp_path / place / "a.raucb")
    (found,) = bundles.found(tmp_path)
    assert (found.path, found.size) == (path, 5_000)
    assert bundles.named(tmp_path, str(path)) == found


def test_links_folders_pipes_and_files_of_no_bundles_size_are_none(tmp_path: Path) -> None:
    stick = tmp_path / "system/STICK"
    real = lay(tmp_path.parent / "elsewhere.raucb")
    lay(stick / "small.raucb", 100)
    lay(stick / "huge.raucb", 9 << 30)
    lay(stick / "other.img")
    lay(stick / "line\nbreak.raucb")
    (stick / "folder.raucb").mkdir()
    (stick / "link.raucb").symlink_to(real)
    os.mkfifo(stick / "pipe.raucb")
    (tmp_path / "system/LINK").symlink_to(tmp_path.parent)
    assert bundles.found(tmp_path) == ()
    for name in ("small", "huge", "folder", "link", "pipe"):
        with pytest.raises(NotFoundError):
            bundles.named(tmp_path, str(stick / f"{name}.raucb"))


def test_not_endlessly_many_are_found(tmp_path: Path) -> None:
    for number in range(10):
        lay(tmp_path / "system/STICK" / f"{number}.raucb")
    assert [each.path.name for each in bundles.found(tmp_path)] == [f"{number}.raucb" for number in range(4)]


def test_without_a_stick_there_is_none(tmp_path: Path) -> None:
    assert bundles.found(tmp_path / "media") == ()
