"""What may go when room is needed: only what updates brought and nothing needs, and never the only model that works."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from agent.models.catalogue import Model
from agent.models.sets import ModelSet
from agent.models.shelf import Shelf
from provisioning.updates.release import Release
from provisioning.updates.storehouse import Storehouse
from tests.fakes import gguf
from tests.updates.goods import Repository, bring, storehouse


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def house(tmp_path: Path, repository: Repository) -> Storehouse:
    return storehouse(tmp_path / "models", repository, repository.folder.as_uri())


@pytest.fixture
def releases(tmp_path: Path, repository: Repository, house: Storehouse) -> list[Release]:
    """Four, all here."""
    made = []
    for seq in range(1, 5):
        (tmp_path / str(seq)).mkdir()
        made.append(
            repository.release(
                seq, f"noise-v{seq}", gguf.write(tmp_path / str(seq) / "m.gguf", size=50_000, seed=seq)
            )
        )
        bring(house, made[-1])
    return made


def serve(house: Storehouse, seq: int, model: Model, previous: int | None) -> None:
    """Puts a set in force."""
    house.sets.write(
        ModelSet(seq=seq, origin="signed", chat=model, embed=None, made="", why="", releases={"chat": seq})
    )
    house.sets.switch(seq, previous)


def here(house: Storehouse, releases: list[Release]) -> list[int]:
    """Which of the releases are on the shelf."""
    shelf = Shelf(house.blobs.incoming.parent)
    return [one.seq for one in releases if shelf.installed(one.model)]


def test_all_but_the_active_and_the_previous_and_those_named_goes(
    house: Storehouse, releases: list[Release]
) -> None:
    serve(house, 1, releases[0].model, None)
    serve(house, 2, releases[1].model, 1)
    serve(house, 3, releases[2].model, 2)
    assert house.collect([releases[3].model]) > 50_000
    assert here(house, releases) == [2, 3, 4]
    assert [one.seq for one in house.sets.all()] == [2, 3]
    house.collect([])
    assert here(house, releases) == [2, 3]
    assert len(house.blobs.all()) == 2
    assert not Shelf(house.blobs.incoming.parent).path(releases[0].model).parent.exists()
    assert house.collect([]) == 0


@pytest.mark.parametrize("damaged", ["active", "previous"])
def test_nothing_goes_while_a_set_is_damaged(
    house: Storehouse, releases: list[Release], damaged: str
) -> None:
    serve(house, 1, releases[0].model, None)
    serve(house, 2, releases[1].model, 1)
    file = (house.sets.folder / damaged).resolve()
    file.chmod(0o600)
    file.write_text("torn")
    assert house.collect([]) == 0
    assert here(house, releases) == [1, 2, 3, 4]


def test_what_the_owner_or_the_brain_fetched_stays(
    house: Storehouse, releases: list[Release], tmp_path: Path
) -> None:
    serve(house, 1, releases[0].model, None)
    shelf = Shelf(house.blobs.incoming.parent)
    own = shelf.folder / "the-owners-own"
    own.mkdir()
    shutil.copyfile(tmp_path / "2" / "m.gguf", own / "m.gguf")
    half = shelf.folder / "half-ours"
    half.mkdir()
    os.link(house.blobs.path(releases[1].files[0].sha256), half / "m.gguf")
    (half / "tokenizer.json").write_text("{}")
    house.collect([])
    assert sorted(path.name for path in own.iterdir()) == ["m.gguf"]
    assert sorted(path.name for path in half.iterdir()) == ["m.gguf", "tokenizer.json"]


def test_a_file_that_two_models_share_stays_as_long_as_one_of_them(
    house: Storehouse, repository: Repository, tmp_path: Path
) -> None:
    for seq in (1, 2):
        (tmp_path / str(seq)).mkdir()
        (tmp_path / str(seq) / "tokenizer.json").write_text("{}")
    one, two = (
        repository.release(seq, f"m{seq}", gguf.write(tmp_path / str(seq) / "m.gguf", size=50_000, seed=seq), tmp_path / str(seq) / "tokenizer.json")
        for seq in (1, 2)
    )  # fmt: skip
    bring(house, one)
    bring(house, two)
    assert len(house.blobs.all()) == 3
    serve(house, 2, two.model, None)
    house.collect([])
    assert here(house, [one, two]) == [2]
    assert len(house.blobs.all()) == 2


def test_what_is_on_its_way_goes_only_when_nobody_has_touched_it_for_long(
    house: Storehouse, repository: Repository, tmp_path: Path
) -> None:
    one = repository.release(1, "m1", gguf.write(tmp_path / "m.gguf", size=50_000))
    house.reserve(one)
    house.collect([])
    part, journal = house.blobs.part(one.files[0].sha256), house.blobs.journal(one.files[0].sha256)
    assert part.exists()
    for path in (part, journal):
        os.utime(path, (time.time() - 90_000, time.time() - 90_000))
    house.collect([one.model])
    assert part.exists()
    part.unlink()
    house.collect([])
    assert house.blobs.arriving() == []


def test_the_journal_of_a_file_that_has_arrived_goes_at_once(
    house: Storehouse, releases: list[Release]
) -> None:
    serve(house, 1, releases[0].model, None)
    journal = house.blobs.journal(releases[0].files[0].sha256)
    journal.write_bytes(b"left by a kill right after the file had its name")
    house.collect([])
    assert not journal.exists()
    assert here(house, releases) == [1]
