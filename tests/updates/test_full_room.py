"""A full disk at every stage of an update: refused before the first byte, or taken up again when there is room; what serves stays."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.errors import NisseError, StorageError
from agent.models.sets import ModelSet
from agent.models.shelf import Shelf
from provisioning.updates import space
from provisioning.updates.refusals import RefusedError
from provisioning.updates.release import Release
from provisioning.updates.storehouse import Storehouse
from tests.fakes import gguf
from tests.fakes.mirror import Mirror
from tests.updates.goods import Repository, bring, storehouse

pytestmark = pytest.mark.root

DISK = 24 << 20
SIZE = 5_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


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
    found = storehouse(disk / "models", repository, mirror.url)
    for seq in (1, 2):
        bring(found, _release(repository, seq, size=1_000_000))
        serve(found, seq, _release(repository, seq, size=1_000_000), seq - 1 or None)
    return found


def _release(repository: Repository, seq: int, size: int = SIZE) -> Release:
    folder = repository.folder.parent / str(seq)
    folder.mkdir(exist_ok=True)
    return repository.release(seq, f"noise-v{seq}", gguf.write(folder / "m.gguf", size=size, seed=seq))


def serve(house: Storehouse, seq: int, release: Release, previous: int | None) -> None:
    """Puts a release in force."""
    new = ModelSet(
        seq=seq,
        origin="signed",
        chat=release.model,
        embed=None,
        made="",
        why="",
        releases={"chat": release.seq},
    )
    house.sets.write(new)
    house.sets.switch(seq, previous)


def fill(place: Path, leave: int = 0) -> Path:
    """Leaves so many bytes free."""
    ballast = place / "ballast"
    facts = os.statvfs(place)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, facts.f_bavail * facts.f_frsize - leave or 1)
    if not leave:
        with contextlib.suppress(OSError), (place / "ballast2").open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
    return ballast


def free_again(place: Path) -> None:
    """Takes away what filled the disk."""
    for name in ("ballast", "ballast2"):
        (place / name).unlink(missing_ok=True)


def serves_still(house: Storehouse) -> bool:
    """Whether the old model, or the new one, is in force and whole, and the way back is there."""
    serving, before = house.sets.serving(), house.sets.previous()
    shelf = Shelf(house.blobs.incoming.parent)
    return bool(
        serving
        and before
        and all(shelf.installed(model) for one in (serving, before) for model in one.models)
    )


def test_a_disk_that_is_a_megabyte_too_small_is_known_before_the_first_byte(
    disk: Path, repository: Repository, mirror: Mirror
) -> None:
    house = storehouse(disk / "models", repository, mirror.url)
    house._keep_free = 2 << 20
    release = _release(repository, 3)
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
    old = _release(repository, 3)
    bring(house, old)
    serve(house, 3, old, 2)
    serve(house, 4, _release(repository, 2, size=1_000_000), 2)  # nothing names 3 now
    new = _release(repository, 5)
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


STAGES: dict[str, Callable[[Storehouse, Release], object]] = {
    "reserve": lambda house, release: house.reserve(release),
    "download": lambda house, release: house.download(release),
    "verify": lambda house, release: house.verify(release),
    "stage": lambda house, release: house.stage(release.model),
    "switch": lambda house, release: serve(house, 3, release, 2),
    "collect": lambda house, _release: house.collect([]),
}


@pytest.mark.parametrize("full_at", STAGES)
def test_whichever_stage_finds_the_disk_full_what_serves_stays_and_it_goes_on_later(
    house: Storehouse, repository: Repository, disk: Path, full_at: str
) -> None:
    release = _release(repository, 3)
    for name, stage in STAGES.items():
        if name == full_at:
            fill(disk)
            failed = _failure(lambda stage=stage: stage(house, release))  # type: ignore[misc]
            assert failed is None or isinstance(failed, NisseError), failed
            assert not isinstance(failed, RefusedError) or failed.reason == "no_space"
            assert serves_still(house)
            assert all(house.blobs.sound(sha256) for sha256 in house.blobs.all())
            free_again(disk)
        stage(house, release)
        assert serves_still(house)
    serving = house.sets.serving()
    assert serving
    assert serving.chat == release.model


def test_a_disk_that_fills_up_in_the_middle_of_a_download_loses_nothing_that_came(
    house: Storehouse, repository: Repository, disk: Path, mirror: Mirror
) -> None:
    release = _release(repository, 3)
    house.reserve(release)
    filled: list[Path] = []

    def progress(done: int, _total: int) -> None:
        if done > SIZE // 2 and not filled:
            filled.append(fill(disk))

    failed = _failure(lambda: house.download(release, progress))
    assert filled
    assert failed is None or isinstance(failed, StorageError)
    assert serves_still(house)
    free_again(disk)
    bring(house, release)
    assert Shelf(house.blobs.incoming.parent).installed(release.model)
    assert mirror.sent < 3 * 1_000_000 + 1.5 * SIZE


def test_a_blob_is_never_half_written_on_a_full_disk(house: Storehouse, disk: Path) -> None:
    fill(disk)
    assert _errno(disk / "more") == errno.ENOSPC  # the disk of this test is really full
    with pytest.raises(StorageError):
        house.sets.write(ModelSet(seq=9, origin="house", chat=None, embed=None, made="", why=""))
    assert house.sets.get(9) is None
    assert [path.name for path in house.sets.folder.iterdir() if path.name.startswith(".")] == []


def _failure(do: Callable[[], object]) -> BaseException | None:
    try:
        do()
    except Exception as failed:  # noqa: BLE001 - judged by whoever asked
        return failed
    return None


def _errno(path: Path) -> int | None:
    try:
        path.write_bytes(b"x" * 4096)
    except OSError as failed:
        return failed.errno
    return None
