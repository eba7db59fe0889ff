"""Nothing counts before it was read back and looked into: what the disk lost is fetched again, what is wrong is thrown away."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.models import blobs
from agent.models.shelf import Shelf
from provisioning.updates import structure
from provisioning.updates.refusals import RefusedError
from provisioning.updates.release import Release
from provisioning.updates.storehouse import Storehouse
from tests.fakes import gguf
from tests.fakes.mirror import Mirror
from tests.updates.goods import Repository, bring, storehouse

SIZE = 6_000_000


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def release(repository: Repository, tmp_path: Path) -> Release:
    return repository.release(7, "noise-v1", gguf.write(tmp_path / "model.gguf", size=SIZE))


@pytest.fixture
def mirror(repository: Repository, release: Release) -> Iterator[Mirror]:
    with Mirror(repository.folder) as server:
        yield server


@pytest.fixture
def house(tmp_path: Path, repository: Repository, mirror: Mirror) -> Storehouse:
    return storehouse(tmp_path / "models", repository, mirror.url)


def spoil(path: Path, offset: int, count: int = 1) -> None:
    """Changes bytes behind everybody's back."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"!" * count)


def test_what_the_disk_lost_is_fetched_again_and_no_more(
    house: Storehouse, release: Release, mirror: Mirror
) -> None:
    house.reserve(release)
    house.download(release)
    spoil(house.blobs.part(release.files[0].sha256), 3_000_000)
    sent = mirror.sent
    house.verify(release)
    assert 0 < mirror.sent - sent < 4 * (1 << 20)
    assert house.blobs.sound(release.files[0].sha256)


@pytest.mark.parametrize("harm", ["shorter", "longer", "gone", "journal gone", "journal torn", "both gone"])
def test_whatever_happened_to_what_was_on_its_way_it_comes_in_the_end(
    house: Storehouse, release: Release, harm: str
) -> None:
    house.reserve(release)
    house.download(release)
    part, journal = house.blobs.part(release.files[0].sha256), house.blobs.journal(release.files[0].sha256)
    match harm:
        case "shorter":
            with part.open("r+b") as file:
                file.truncate(1_000_000)
        case "longer":
            with part.open("ab") as file:
                file.write(b"more")
        case "gone":
            part.unlink()
        case "journal gone":
            journal.unlink()
        case "journal torn":
            journal.write_bytes(journal.read_bytes()[:-9])
        case _:
            part.unlink()
            journal.unlink()
    assert house.blobs.all() == []
    bring(house, release)
    assert house.blobs.sound(release.files[0].sha256)


def test_a_journal_that_is_gone_costs_a_reading_and_no_download(
    house: Storehouse, release: Release, mirror: Mirror
) -> None:
    house.reserve(release)
    house.download(release)
    house.blobs.journal(release.files[0].sha256).unlink()
    sent = mirror.sent
    assert bring(house, release) == 0
    assert mirror.sent == sent


def test_a_list_of_chunks_in_which_a_bit_flipped_is_fetched_again(
    house: Storehouse, release: Release
) -> None:
    house.reserve(release)
    house.download(release)
    house.discard(release)
    [kept] = (house.blobs.incoming.parent / "updates" / "chunks").iterdir()
    spoil(kept, 40)
    bring(house, release)
    assert house.blobs.sound(release.files[0].sha256)


def test_a_disk_that_reads_wrong_once_condemns_no_model(
    house: Storehouse, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.reserve(release)
    house.download(release)
    real, wrong = blobs.hash_on_disk, ["0" * 64]
    monkeypatch.setattr(blobs, "hash_on_disk", lambda *told: wrong.pop() if wrong else real(*told))
    house.verify(release)
    assert not wrong
    assert house.blobs.sound(release.files[0].sha256)


def test_chunks_that_are_right_and_a_whole_that_is_not_are_thrown_away(
    repository: Repository, mirror: Mirror, house: Storehouse, release: Release, tmp_path: Path
) -> None:
    """The publisher's list of chunks is of another file than its record says."""
    file = release.model.files[0]
    wrong = hashlib.sha256(b"another").hexdigest()
    model = dataclasses.replace(release.model, files=(dataclasses.replace(file, sha256=wrong),))
    place = repository.place(release.files[0].target)
    place.rename(place.with_name(f"{wrong}.{file.name}"))
    lying = dataclasses.replace(release, model=model)
    house.reserve(lying)
    house.download(lying)
    with pytest.raises(RefusedError) as refused:
        house.verify(lying)
    assert refused.value.reason == "contradictory"
    assert (house.blobs.all(), house.blobs.arriving()) == ([], [])


def test_a_file_that_is_no_model_is_thrown_away_however_well_it_is_signed(
    repository: Repository, house: Storehouse, release: Release, mirror: Mirror, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.gguf"
    odd.write_bytes(b"GGUF" + random.Random(1).randbytes(400_000))
    bad = repository.release(9, "odd-v1", odd)
    house.reserve(bad)
    house.download(bad)
    with pytest.raises(RefusedError) as refused:
        house.verify(bad)
    assert refused.value.reason == "not_a_model"
    assert (house.blobs.all(), house.blobs.arriving()) == ([], [])


def test_a_blob_that_was_damaged_since_is_fetched_again(house: Storehouse, release: Release) -> None:
    bring(house, release)
    path = house.blobs.path(release.files[0].sha256)
    path.chmod(0o600)
    spoil(path, 2_000_000)
    bring(house, release)
    assert house.blobs.sound(release.files[0].sha256)
    assert Shelf(house.blobs.incoming.parent).installed(release.model)


def test_nothing_is_staged_that_was_not_verified(house: Storehouse, release: Release) -> None:
    house.reserve(release)
    house.download(release)
    with pytest.raises(Exception, match="not here"):
        house.stage(release.model)
    assert not Shelf(house.blobs.incoming.parent).installed(release.model)


def test_a_model_of_the_same_name_that_the_owner_has_is_not_replaced(
    house: Storehouse, repository: Repository, release: Release, tmp_path: Path, mirror: Mirror
) -> None:
    bring(house, release)
    (tmp_path / "2").mkdir()
    other_file = gguf.write(tmp_path / "2" / "model.gguf", size=SIZE, seed=2)
    other = repository.release(8, "noise-v1", other_file)
    house.reserve(other)
    house.download(other)
    house.verify(other)
    with pytest.raises(RefusedError) as refused:
        house.stage(other.model)
    assert refused.value.reason == "name_taken"
    assert Shelf(house.blobs.incoming.parent).installed(release.model)


def _header(tensors: int = 1, values: int = 0, body: bytes = b"") -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, values) + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GGUF",
        b"GGML" + bytes(100),
        _header(tensors=1 << 60) + bytes(100),
        _header(values=1 << 60) + bytes(100),
        _header(body=struct.pack("<Q", 1 << 62) + bytes(100)),
        _header(body=struct.pack("<Q1sIQIQ", 1, b"a", 1, 1 << 40, 0, 0) + bytes(100)),
        _header(body=struct.pack("<Q1sIQQIQ", 1, b"a", 2, 1 << 63, 1 << 63, 0, 0) + bytes(100)),
        _header(body=struct.pack("<Q1sIQIQ", 1, b"a", 1, 8, 0, 1 << 50) + bytes(100)),
        _header(body=struct.pack("<Q1sIQIQ", 1, b"a", 1, 8, 9999, 0) + bytes(100)),
    ],
)
def test_a_header_that_says_what_cannot_be_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    with pytest.raises(RefusedError) as refused:
        structure.check(path, path.name)
    assert refused.value.reason == "not_a_model"
    assert "Traceback" not in refused.value.detail


def test_a_model_is_let_through_whatever_the_file_is_called_meanwhile(tmp_path: Path) -> None:
    path = gguf.write(tmp_path / "abc.part", size=100_000)
    structure.check(path, "model.gguf")
    (tmp_path / "tokenizer.json").write_text("{}")
    structure.check(tmp_path / "tokenizer.json", "tokenizer.json")


def test_one_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = gguf.write(tmp_path / "model.gguf", size=100_000)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RefusedError):
        structure.check(path, path.name)
