"""Nothing of the state is left on the medium."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import durable
from provisioning.firstboot import wiping
from tests.fakes.programs import Programs

SECRET = b"correct horse battery staple"
SIZE = 40 << 20


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    """A partition with a secret at its begin, across two chunks, and at its very end."""
    file = tmp_path / "data"
    with file.open("wb") as opened:
        opened.truncate(SIZE)
        for place in (0, (8 << 20) - 10, 19 << 20, SIZE - len(SECRET)):
            opened.seek(place)
            opened.write(SECRET)
    return file


def test_not_a_byte_of_it_remains(medium: Path) -> None:
    wiping.overwrite(medium, lambda _percent: None)
    assert medium.read_bytes() == bytes(SIZE)


def test_whoever_waits_is_told_how_far_it_is(medium: Path) -> None:
    told: list[int] = []
    wiping.overwrite(medium, told.append)
    assert told == [0, 20, 40, 60, 80]


def test_one_that_was_cut_off_is_made_good_by_the_next(medium: Path) -> None:
    class PowerCutError(Exception):
        pass

    def cut(percent: int) -> None:
        if percent >= 40:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        wiping.overwrite(medium, cut)
    assert SECRET in medium.read_bytes()
    wiping.overwrite(medium, lambda _percent: None)
    assert SECRET not in medium.read_bytes()


def test_the_file_system_comes_after_the_zeros(medium: Path, programs: Programs) -> None:
    def make(_command: tuple[str, ...]) -> str:
        assert medium.read_bytes() == bytes(SIZE)
        return ""

    programs.does("mke2fs", make)
    wiping.wipe(medium, programs, lambda _percent: None)
    assert programs.called("mke2fs")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.root
def test_what_no_file_uses_is_filled_once_and_given_back(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small_disk / "kept").write_bytes(SECRET)
    (small_disk / "ERASING.TMP").write_bytes(bytes(1 << 20))  # of one that was cut off
    least: list[int] = []
    remove = durable.remove

    def look(path: Path) -> None:
        least.append(shutil.disk_usage(small_disk).free)
        remove(path)

    monkeypatch.setattr(durable, "remove", look)
    wiping.blank(small_disk)
    assert least == [0]
    assert [each.name for each in small_disk.iterdir()] == ["kept"]
    assert (small_disk / "kept").read_bytes() == SECRET


def test_a_folder_of_a_larger_file_system_is_not_filled(tmp_path: Path) -> None:
    wiping.blank(tmp_path)
    assert not list(tmp_path.iterdir())
