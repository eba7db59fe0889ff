"""Chunks: a change moves the cuts near it and no others, and a list that is wrong in any way is refused."""

from __future__ import annotations

import hashlib
import itertools
import random
from pathlib import Path

import pytest

from provisioning.updates import chunks
from provisioning.updates.refusals import RefusedError

NOISE = random.Random(3).randbytes(9_000_000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(NOISE)
    return path


def test_the_chunks_make_the_file(file: Path) -> None:
    found = chunks.cut(file)
    assert len(found) > 3
    assert found[0].offset == 0
    assert all(left.end == right.offset for left, right in itertools.pairwise(found))
    assert found[-1].end == len(NOISE)
    for chunk in found:
        assert hashlib.sha256(NOISE[chunk.offset : chunk.end]).hexdigest() == chunk.sha256


def test_the_cuts_stay_where_they_are_in_every_version_of_the_library(file: Path) -> None:
    """Else no box would find its present chunks in a list that another version made."""
    lengths = [chunk.length for chunk in chunks.cut(file)]
    assert lengths == [1048956, 1084268, 778533, 1387020, 1062741, 1118645, 433084, 1161448, 925305]


def test_bytes_put_in_at_the_beginning_leave_most_chunks_alone(file: Path) -> None:
    before = {chunk.sha256 for chunk in chunks.cut(file)}
    file.write_bytes(NOISE[:500] + b"a template that grew" * 50 + NOISE[500:])
    after = chunks.cut(file)
    assert sum(chunk.length for chunk in after if chunk.sha256 not in before) < 3 * (1 << 20)


def test_a_list_comes_back_as_it_was_written(file: Path) -> None:
    found = chunks.cut(file)
    assert chunks.read(chunks.to_bytes(found), len(NOISE)) == found


def test_every_wrong_list_is_refused(file: Path) -> None:
    data = chunks.to_bytes(chunks.cut(file))
    size = len(NOISE)
    longer = data[:20] + (chunks.LONGEST + 1).to_bytes(4, "little") + data[24:]
    nothing = data[:20] + bytes(4) + data[24:]
    for wrong in (b"", data[:-1], data + b"\0", b"N" + data, data[:19], longer, nothing, data[:20]):
        with pytest.raises(RefusedError) as refused:
            chunks.read(wrong, size)
        assert refused.value.reason == "malformed"
    with pytest.raises(RefusedError):
        chunks.read(data, size + 1)


def test_no_noise_is_taken_for_a_list() -> None:
    chance = random.Random(8)
    for _ in range(500):
        noise = b"NISSECH1" + chance.randbytes(chance.randrange(200))
        with pytest.raises(RefusedError):
            chunks.read(noise, chance.randrange(1 << 30))
