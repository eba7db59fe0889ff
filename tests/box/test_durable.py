"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from provisioning.box import durable


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "file"
    durable.write(file, "old")
    durable.write(file, "new", mode=0o644)
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o644
    assert [one.name for one in file.parent.iterdir()] == ["file"]


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    durable.write(file, "old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        durable.write(file, "new")
    assert file.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_what_is_shredded_is_overwritten_where_it_lay(tmp_path: Path) -> None:
    file, other_name = tmp_path / "secret", tmp_path / "the same bytes"
    file.write_bytes(b"hunter22" * 20_000)
    os.link(file, other_name)  # keeps the bytes in sight
    durable.shred(file)
    assert not file.exists()
    assert set(other_name.read_bytes()) == {0}
    assert other_name.stat().st_size == 160_000


def test_shredding_what_is_not_there_is_no_matter(tmp_path: Path) -> None:
    durable.shred(tmp_path / "nothing")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / ".file.new").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic"):
        durable.write(tmp_path / "file", "theirs")
    assert victim.read_text() == "mine"
