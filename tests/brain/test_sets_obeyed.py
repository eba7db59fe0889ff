"""The brain and the sets: it serves what the set in force names, changes at once when that does, and never stands without a model."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.brain.deaths import Deaths
from agent.brain.fit import Box, Wish
from agent.brain.loading import Loader
from agent.brain.supply import Supply
from agent.models import catalogue
from agent.models.catalogue import Catalogue, Model
from agent.models.recorded import without_sources
from agent.models.sets import ModelSet, Sets
from agent.models.shelf import Shelf
from tests.conftest import CHAT_MODEL
from tests.live.running import until

BOX = Box(board="A box", memory=8000, cores=1, fast_cores=1)


class Room:
    """A shelf with the smallest model under three names, and sets."""

    def __init__(self, folder: Path, small: Path) -> None:
        self.shelf, self.sets = Shelf(folder), Sets(folder)
        self.own = catalogue.load().find(CHAT_MODEL)
        self.small = small
        self.put(self.own)

    def put(self, model: Model) -> None:
        path = self.shelf.path(model)
        path.parent.mkdir(parents=True)
        path.hardlink_to(self.small)
        assert self.shelf.adopt(model)

    def update(self, name: str) -> Model:
        """A further model, as an update brings one."""
        model = without_sources(dataclasses.replace(self.own, name=name, title=name.title()))
        self.put(model)
        return model

    def write(self, seq: int, chat: Model, embed: Model | None = None) -> None:
        self.sets.write(
            ModelSet(
                seq=seq, origin="signed", chat=without_sources(chat), embed=embed, made="2026-11-21", why="A test."
            )
        )  # fmt: skip

    @property
    def supply(self) -> Supply:
        return Supply(Catalogue((self.own,)), self.shelf, self.sets)


@pytest.fixture
def room(tmp_path: Path, models: Path) -> Room:
    import shutil

    copy = tmp_path / "small.gguf"
    shutil.copyfile(Shelf(models).path(catalogue.load().find(CHAT_MODEL)), copy)
    return Room(tmp_path / "models", copy)


def test_without_sets_the_catalogue_is_all_there_is(room: Room) -> None:
    supply = room.supply
    assert supply.catalogue == Catalogue((room.own,))
    assert (supply.named({}), supply.in_force, supply.embedder) == ("", None, None)


def test_what_a_set_names_is_seen_at_the_next_look(room: Room) -> None:
    supply = room.supply
    assert supply.named({}) == ""
    new = room.update("new")
    room.write(1, room.own)
    room.sets.switch(1, None)
    assert supply.named({}) == CHAT_MODEL
    room.write(2, new)
    room.sets.switch(2, 1)
    assert supply.named({}) == "new"
    assert supply.catalogue.find("new") == new
    assert supply.in_sets() == ("new", CHAT_MODEL)
    room.sets.switch(1, 2)
    assert supply.named({}) == CHAT_MODEL


def test_a_model_of_the_catalogue_keeps_its_sources_in_a_set(room: Room) -> None:
    room.write(1, room.own)
    room.sets.switch(1, None)
    supply = room.supply
    assert supply.catalogue.models == (room.own,)
    assert supply.catalogue.find(CHAT_MODEL).files[0].sources


def test_while_the_new_model_cannot_be_had_the_one_before_is_named(room: Room) -> None:
    new = room.update("new")
    room.write(1, room.own)
    room.write(2, new)
    room.sets.switch(1, None)
    room.sets.switch(2, 1)
    supply = room.supply
    assert supply.named({"new": 1}) == "new"
    assert supply.named({"new": 2}) == CHAT_MODEL  # it died of too little memory, twice
    room.shelf.path(new).unlink()
    assert supply.named({}) == CHAT_MODEL


def test_a_torn_set_leaves_the_one_before(room: Room) -> None:
    new = room.update("new")
    room.write(1, room.own)
    room.write(2, new)
    room.sets.switch(1, None)
    room.sets.switch(2, 1)
    torn = room.sets.folder / "2.json"
    torn.chmod(0o600)
    torn.write_bytes(torn.read_bytes()[:200])
    assert room.supply.named({}) == CHAT_MODEL


@contextmanager
def _loading(room: Room, named: str = "") -> Iterator[Loader]:
    deaths = Deaths(room.shelf.folder.parent / "serving.json", conditions="")
    loader = Loader(room.supply, Wish(named=named, context=512, parallel=1), look=lambda: BOX, deaths=deaths)
    loader.start()
    try:
        until(lambda: loader.loaded, 60, "the model")
        yield loader
    finally:
        loader.close()


def _serves(loader: Loader) -> str:
    return loader.own.model.name if loader.own else ""


@pytest.mark.models
def test_the_brain_changes_with_the_set_and_back_and_lets_the_answers_of_the_moment_end(room: Room) -> None:
    new = room.update("new")
    room.write(1, room.own)
    room.write(2, new)
    room.sets.switch(1, None)
    with _loading(room) as loader:
        assert _serves(loader) == CHAT_MODEL
        assert loader.info()["set"] == 1
        assert loader.info()["why"][0] == "It was installed on this box."
        with loader.lease() as held:
            room.sets.switch(2, 1)
            waiting: list[str] = []
            asking = threading.Thread(target=lambda: waiting.append(_asked(loader)))
            until(lambda: loader.supply.in_force and loader.supply.in_force.seq == 2, 10, "the look")
            until(lambda: loader._leases.held is held and loader._leases._changing, 20, "the change")
            asking.start()
            assert held.runtime.queue().working == 0  # it is still there for whoever holds it
        asking.join(60)
        assert waiting == ["new"]  # who came meanwhile waited, and was answered by the new one
        assert loader.info()["set"] == 2
        room.sets.switch(1, 2)
        until(lambda: _serves(loader) == CHAT_MODEL, 60, "the old model")


def _asked(loader: Loader) -> str:
    with loader.lease(60) as held:
        return held.model.name


@pytest.mark.models
def test_a_set_whose_model_does_not_load_leaves_the_one_before_answering(room: Room) -> None:
    junk = dataclasses.replace(room.update("junk"), name="broken")
    data = b"GGUF" + bytes(3000)
    import hashlib

    file = dataclasses.replace(junk.files[0], size=len(data), sha256=hashlib.sha256(data).hexdigest())
    broken = dataclasses.replace(junk, files=(file,))
    path = room.shelf.path(broken)
    path.parent.mkdir()
    path.write_bytes(data)
    assert room.shelf.adopt(broken)
    room.write(1, room.own)
    room.write(2, broken)
    room.sets.switch(1, None)
    room.sets.switch(2, 1)
    with _loading(room) as loader:
        until(lambda: _serves(loader) == CHAT_MODEL, 60, "the model before")
        assert loader.info()["set"] == 2
        assert "stepped down" in loader.state


@pytest.mark.models
def test_whom_the_owner_named_goes_before_the_set(room: Room) -> None:
    new = room.update("new")
    room.write(1, new)
    room.sets.switch(1, None)
    with _loading(room, named=CHAT_MODEL) as loader:
        assert _serves(loader) == CHAT_MODEL
        assert loader.info()["why"][0] == "It was chosen in the settings."
