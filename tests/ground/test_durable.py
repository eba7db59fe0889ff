"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from agent import durable


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


def test_a_sealed_record_comes_back_as_it_was_and_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    durable.write_sealed(file, {"name": "Å", "many": (1, 2), "more": {10: None, 9: 0.25}})
    assert durable.read_sealed(file) == {"name": "Å", "many": [1, 2], "more": {"10": None, "9": 0.25}}
    data = file.read_bytes()
    whole = durable.read_sealed(file)
    for at in range(len(data)):
        for bit in range(8):
            file.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
            assert durable.read_sealed(file) in (None, whole), (at, bit)
        file.write_bytes(data[:at])
        assert durable.read_sealed(file) in (None, whole), at


def test_a_record_that_is_not_there_or_far_too_large_is_none(tmp_path: Path) -> None:
    assert durable.read_sealed(tmp_path / "nothing") is None
    durable.write_sealed(tmp_path / "large", {"x": "y" * (5 << 20)})
    assert durable.read_sealed(tmp_path / "large") is None


def test_a_link_is_turned_at_one_instant_and_what_a_power_cut_left_is_in_nobodys_way(tmp_path: Path) -> None:
    link = tmp_path / "active"
    (tmp_path / ".active.new").symlink_to("left over")
    durable.point(link, "1.json")
    durable.point(link, "2.json")
    assert str(link.readlink()) == "2.json"
    assert [one.name for one in tmp_path.iterdir()] == ["active"]


def test_a_second_name_replaces_what_bore_it_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    file, name = tmp_path / "file", tmp_path / "name"
    file.write_text("new")
    name.write_text("old")
    for _ in range(2):
        durable.give_name(file, name)
        assert name.samefile(file)
        assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "name"]


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


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["link", "fifo", "left over"])
def test_what_lies_where_it_is_written_first_is_taken_away_and_never_opened(
    tmp_path: Path, kind: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    planted = tmp_path / ".file.new"
    if kind == "link":
        planted.symlink_to(victim)
    elif kind == "fifo":
        os.mkfifo(planted)
    else:
        planted.write_text("half of it, and more than the new one has")
    durable.write(tmp_path / "file", "ours")
    assert victim.read_text() == "mine"
    assert (tmp_path / "file").read_text() == "ours"
    assert not planted.exists()


def test_a_file_is_given_to_others_before_anything_is_in_it(tmp_path: Path) -> None:
    sizes = []
    durable.write(tmp_path / "file", "ours", share=lambda given: sizes.append(os.fstat(given).st_size))
    assert sizes == [0]
