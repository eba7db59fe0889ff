"""Nothing of the state is left on the medium."""

from __future__ import annotations

from pathlib import Path

import pytest

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
