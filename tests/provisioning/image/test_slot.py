"""The slot's file system: how large, and the same bytes each time."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from agent.errors import UnavailableError
from provisioning.image import slot
from provisioning.image.carrying_out import carry_out
from provisioning.image.job import Job


def test_a_slot_has_room_for_a_larger_next_version() -> None:
    assert slot.size_mib(1000 * slot.MIB, 0) == 1536
    assert slot.size_mib(10 * slot.MIB, 2048) == 2048
    assert slot.size_mib(2000 * slot.MIB, 2048) % 256 == 0


def test_a_file_with_two_names_is_counted_once(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"x" * 5000)
    alone = slot.taken(tmp_path)
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    assert slot.taken(tmp_path) == alone
    assert alone >= 8192


def test_the_used_inodes_are_those_that_no_group_has_free() -> None:
    described = (
        "Inode count:              10\n\nGroup 0:\n  Free inodes: 4-6\nGroup 1:\n  Free inodes: 8, 10\n"
    )
    assert list(slot.used_inodes(described)) == [1, 2, 3, 7, 9]
    with pytest.raises(UnavailableError):
        list(slot.used_inodes("nothing"))


@pytest.mark.root
@pytest.mark.skipif(not shutil.which("mke2fs", path="/usr/sbin:/sbin"), reason="needs e2fsprogs")
def test_the_same_tree_gives_the_same_bytes(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    job = dataclasses.replace(job, board=dataclasses.replace(job.board, root_mib=512))

    def built() -> bytes:
        shutil.rmtree(job.tree, ignore_errors=True)
        (job.tree / "boot").mkdir(parents=True)
        for number in range(40):
            (job.tree / "boot" / f"file{number}").write_bytes(b"x" * 1000 * number)
        (job.tree / "link").symlink_to("boot/file1")
        carry_out(slot.steps(job), job.out, say=lambda _line: None)
        return job.slot.read_bytes()

    first = built()
    time.sleep(1.1)  # another second on the builder's clock
    assert built() == first
    listed = subprocess.run(
        ["debugfs", "-R", "stat /boot/file7", job.slot], capture_output=True, text=True, check=True
    ).stdout
    assert "Size: 7000" in listed
    for field in ("ctime", "atime", "mtime", "crtime"):
        assert f"{field}: {job.epoch:#010x}:00000000" in listed
