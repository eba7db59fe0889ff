"""A full disk at every stage of an update: refused before the first byte, or taken up again when there is room; what serves stays."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import StorageError
from agent.models.sets import ModelSet
from agent.models.shelf import Shelf
from provisioning.updates import space
from provisioning.updates.refusals import RefusedError
from provisioning.updates.storehouse import Storehouse
from tests.fakes.mirror import Mirror
from tests.updates.crowding import (
    MIDWAY,
    SIZE,
    STAGES,
    box,
    fill,
    free_again,
    harm,
    made,
    serve,
    serves_still,
    small_disk,
)
from tests.updates.goods import Repository, bring, storehouse

pytestmark = pytest.mark.root


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as place:
        yield place


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def mirror(repository: Repository) -> Iterator[Mirror]:
    with Mirror(repository.folder) as server:
        yield server


@pytest.fixture
def house(disk: Path, repository: Repository, mirror: Mirror) -> Storehouse:
    """A box with a model that serves, and the one before."""
    return box(disk, repository, mirror.url)


def test_a_disk_that_is_a_megabyte_too_small_is_known_before_the_first_byte(
    disk: Path, repository: Repository, mirror: Mirror
) -> None:
    house = storehouse(disk / "models", repository, mirror.url)
    house._keep_free = 2 << 20
    release = made(repository, 3)
    needed = space.needed(release.model.size, 2 << 20)
    fill(disk, leave=needed - (1 << 20))
    with pytest.raises(RefusedError) as refused:
        house.reserve(release)
    assert refused.value.reason == "no_space"
    assert f"{needed // 1_000_000} MB" in refused.value.hint
    assert mirror.asked == []
    assert (house.blobs.all(), house.blobs.arriving()) == ([], [])
    free_again(disk)
    house.reserve(release)


def test_what_nothing_needs_makes_room_first(house: Storehouse, repository: Repository, disk: Path) -> None:
    old = made(repository, 3)
    bring(house, old)
    serve(house, 3, old, 2)
    serve(house, 4, made(repository, 2, size=1_000_000), 2)  # nothing names 3 now
    new = made(repository, 5)
    fill(disk, leave=2 << 20)
    bring(house, new)
    assert not Shelf(house.blobs.incoming.parent).installed(old.model)
    assert serves_still(house)


def test_a_disk_that_fills_up_while_room_is_taken_leaves_nothing_behind(
    house: Storehouse, disk: Path
) -> None:
    fill(disk, leave=1 << 20)
    with pytest.raises(StorageError, match="full"):
        space.take(house.blobs, "ab" * 32, SIZE)
    assert house.blobs.arriving() == []


@pytest.mark.parametrize("full_at", [*STAGES, MIDWAY])
def test_whichever_stage_finds_the_disk_full_what_serves_stays_and_it_goes_on_later(
    house: Storehouse, repository: Repository, disk: Path, full_at: str
) -> None:
    assert harm(house, repository, disk, full_at) == ""


def test_a_blob_is_never_half_written_on_a_full_disk(house: Storehouse, disk: Path) -> None:
    fill(disk)
    assert _errno(disk / "more") == errno.ENOSPC  # the disk of this test is really full
    with pytest.raises(StorageError):
        house.sets.write(ModelSet(seq=9, origin="house", chat=None, embed=None, made="", why=""))
    assert house.sets.get(9) is None
    assert [path.name for path in house.sets.folder.iterdir() if path.name.startswith(".")] == []


def _errno(path: Path) -> int | None:
    try:
        path.write_bytes(b"x" * 4096)
    except OSError as failed:
        return failed.errno
    return None
