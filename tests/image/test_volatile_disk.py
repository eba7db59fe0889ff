"""The disk of the power cuts: what was flushed is there afterwards, and of the rest each block by chance."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from tests.image.volatile_disk import BLOCK, VolatileDisk

BLOCKS = 64


@pytest.fixture
def file(short_path: Path) -> Path:
    place = short_path / "medium"
    place.write_bytes(b"\x11" * (BLOCKS * BLOCK))
    return place


def commands(disk: VolatileDisk, *words: str) -> str:
    """Lets QEMU's own client do something; it leaves without a last flush."""
    url = f"nbd+unix:///?socket={disk.path}"
    given = [word for each in words for word in ("-c", each)]
    # Killed by `abort`, so that it says no goodbye.
    done = subprocess.run(
        ["qemu-io", "-f", "raw", "-t", "writeback", *given, "-c", "abort", url],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "error" not in done.stdout.lower(), done.stdout
    return done.stdout


def test_what_was_flushed_outlives_the_cut(file: Path, short_path: Path) -> None:
    with VolatileDisk(file, short_path / "nbd") as disk:
        commands(disk, "write -P 0x22 0 32k", "flush", "write -P 0x33 64k 32k")
        assert disk.pending == 8
        kept, dropped = disk.cut(random.Random(1))
    assert kept + dropped == 8
    content = file.read_bytes()
    assert content[: 32 * 1024] == b"\x22" * (32 * 1024)
    blocks = [content[at : at + BLOCK] for at in range(64 * 1024, 96 * 1024, BLOCK)]
    assert [block[0] for block in blocks].count(0x33) == kept
    assert set(blocks) <= {b"\x33" * BLOCK, b"\x11" * BLOCK}
    assert 0 < kept < 8


def test_a_write_that_must_be_kept_is_kept_alone(file: Path, short_path: Path) -> None:
    with VolatileDisk(file, short_path / "nbd") as disk:
        commands(disk, "write -P 0x44 0 4k", "write -f -P 0x55 8k 4k")
        assert disk.pending == 1
        disk.cut(random.Random(1))
    assert file.read_bytes()[8192 : 8192 + BLOCK] == b"\x55" * BLOCK


def test_what_is_read_is_what_was_written_last(file: Path, short_path: Path) -> None:
    with VolatileDisk(file, short_path / "nbd") as disk:
        said = commands(
            disk,
            "write -P 0x66 4608 512",  # a part of a block
            "read -P 0x66 4608 512",
            "read -P 0x11 4096 512",
            "read -P 0x11 5120 3072",
            "write -z 16k 16k",
            "read -P 0 16k 16k",
        )
    assert "verification failed" not in said.lower()
    assert file.read_bytes()[4608:5120] == b"\x66" * 512  # power off in order keeps all


def test_beyond_its_end_nothing_is_read(file: Path, short_path: Path) -> None:
    with VolatileDisk(file, short_path / "nbd") as disk:
        done = subprocess.run(
            ["qemu-io", "-f", "raw", "-c", f"read {BLOCKS * BLOCK} 4k", f"nbd+unix:///?socket={disk.path}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode
