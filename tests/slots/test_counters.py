"""GRUB's counters: read, changed with GRUB's own tool, and brought back when a power cut spoilt them."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from agent.errors import StorageError
from provisioning.slots.counters import Counters, fresh

pytestmark = pytest.mark.skipif(
    not shutil.which("grub-editenv"), reason="needs grub-editenv; `make test-image` installs it"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "grubenv").write_bytes(fresh())
    (tmp_path / "grubenv.bak").write_bytes(fresh())
    return tmp_path


def test_a_fresh_box_has_one_system_in_its_first_slot() -> None:
    assert len(fresh()) == 1024
    assert b"\nORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=0\n" in fresh()


def test_grubs_own_tool_reads_and_writes_the_block(folder: Path) -> None:
    counters = Counters(folder)
    counters.change({"A_TRY": "2", "ORDER": "B A"})
    assert counters.values()["A_TRY"] == "2"
    assert counters.values()["ORDER"] == "B A"
    assert counters.values()["WHOLE"] == "1"
    assert (folder / "grubenv.bak").read_bytes() == (folder / "grubenv").read_bytes()
    assert (folder / "grubenv").stat().st_size == 1024


def test_what_others_keep_in_the_block_stays(folder: Path) -> None:
    Counters(folder).change({"anything": "else"})
    Counters(folder).change({"A_TRY": "0"})
    assert Counters(folder).values()["anything"] == "else"


def test_a_whole_block_is_left_alone(folder: Path) -> None:
    before = (folder / "grubenv").stat().st_mtime_ns
    assert Counters(folder).mend("A") == ""
    assert (folder / "grubenv").stat().st_mtime_ns == before


@pytest.mark.parametrize("seed", range(40))
def test_a_spoilt_block_comes_back_from_its_copy(folder: Path, seed: int) -> None:
    Counters(folder).change({"B_OK": "1"})
    (folder / "grubenv").write_bytes(_spoilt((folder / "grubenv").read_bytes(), random.Random(seed)))
    Counters(folder).mend("A")
    assert Counters(folder).values() | {"B_OK": "1", "WHOLE": "1"} == Counters(folder).values()


def test_with_both_spoilt_the_slot_that_runs_is_known_to_hold_a_system(folder: Path) -> None:
    for name in ("grubenv", "grubenv.bak"):
        (folder / name).write_bytes(bytes(1024))
    assert "anew" in Counters(folder).mend("B")
    values = Counters(folder).values()
    assert (values["ORDER"], values["A_OK"], values["B_OK"], values["LAST_GOOD"]) == ("B A", "1", "1", "B")
    Counters(folder).change({"A_TRY": "1"})  # GRUB's tool takes what was made


def test_a_missing_block_is_made(folder: Path) -> None:
    (folder / "grubenv").unlink()
    (folder / "grubenv.bak").unlink()
    Counters(folder).mend("A")
    assert (folder / "grubenv").read_bytes() == fresh()


def test_a_boot_partition_that_takes_nothing_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="could not be written"):
        Counters(tmp_path / "nowhere").mend("A")
    with pytest.raises(StorageError, match="could not be written"):
        Counters(tmp_path / "nowhere").change({"A_TRY": "0"})


def _spoilt(content: bytes, chance: random.Random) -> bytes:
    """As a power cut leaves it: cut off, or with a sector of another time."""
    if chance.random() < 0.5:
        return content[: chance.randrange(1024)]
    begin = chance.choice((0, 512))
    return content[:begin] + bytes(512) + content[begin + 512 :]
