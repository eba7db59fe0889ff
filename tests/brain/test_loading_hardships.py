"""Getting a model into memory when what lies beneath breaks, and being ended in the middle of it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent import registry
from agent.brain import beginning
from agent.brain.deaths import Deaths
from agent.brain.fit import Box, Wish
from agent.brain.loading import Loaded, Loader
from agent.brain.supply import Supply
from agent.errors import ModelError
from agent.models import catalogue
from agent.models.catalogue import Catalogue, Model
from agent.models.shelf import Shelf
from tests.conftest import CHAT_MODEL
from tests.fakes.runtime import ScriptedRuntime
from tests.live.running import until

DATA = b"GGUF"
BOX = Box(board="A box", memory=8000, cores=1, fast_cores=1)


class Engine(ScriptedRuntime):
    """Takes its time to load, if the test wants it."""

    def __init__(self, house: House) -> None:
        super().__init__(lambda _: iter(()))
        house.loading.set()
        assert house.may_load.wait(20)
        self.closed = False
        house.engines.append(self)

    def close(self) -> None:
        self.closed = True
        super().close()


class House:
    """A loader, and what lies beneath it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = dataclasses.replace(
            catalogue.load().find(CHAT_MODEL).files[0],
            size=len(DATA),
            sha256=hashlib.sha256(DATA).hexdigest(),
        )
        self.model: Model = dataclasses.replace(catalogue.load().find(CHAT_MODEL), files=(file,))
        self.shelf = Shelf(folder / "models")
        self.file = folder / "serving.json"
        self.loading, self.may_load = threading.Event(), threading.Event()
        self.may_load.set()
        self.engines: list[Engine] = []
        self.box: Callable[[], Box] = lambda: BOX
        runtime = SimpleNamespace(
            Runtime=lambda _path, _options: Engine(self), shape=lambda _: self.model.shape
        )
        monkeypatch.setattr(registry, "load", lambda _family, _name: runtime)
        monkeypatch.setattr("agent.brain.loading._AGAIN_S", 0.05)
        self.supply = Supply(Catalogue((self.model,)), self.shelf)
        self.loader = Loader(self.supply, Wish(), look=self.look, deaths=Deaths(self.file, conditions=""))

    def look(self) -> Box:
        return self.box()

    def put(self) -> None:
        path = self.shelf.path(self.model)
        path.parent.mkdir(parents=True)
        path.write_bytes(DATA)
        assert self.shelf.adopt(self.model)

    def serving(self) -> Any:
        return json.loads(self.file.read_text())["serving"]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    house = House(tmp_path, monkeypatch)
    yield house
    house.may_load.set()
    house.loader.close()


def _breaks(*_: object) -> Any:
    raise RuntimeError("Failed to load shared library: libgomp.so.1")


def test_a_look_at_the_box_that_breaks_is_told_and_tried_again(house: House) -> None:
    house.put()
    house.box = _breaks
    house.loader.start()
    until(lambda: "libgomp" in house.loader.state, 30, "word of it")
    with pytest.raises(ModelError, match="libgomp"):
        house.loader.reload()
    house.box = lambda: BOX
    until(lambda: house.loader.loaded, 30, "the model")
    assert "libgomp" not in house.loader.state


def test_what_breaks_while_a_model_answers_takes_it_from_nobody_and_is_forgotten(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.put()
    house.loader.start()
    until(lambda: house.loader.loaded, 30, "the model")
    with monkeypatch.context() as broken:
        broken.setattr("agent.brain.loading._POLL_S", 0.05)
        broken.setattr(house.supply, "stock", _breaks)
        until(lambda: "libgomp" in house.loader.state, 30, "word of it")
        with house.loader.lease(0) as held:
            assert held.runtime is house.engines[0]
    until(lambda: "answers" in house.loader.state, 30, "peace")


def test_when_a_reload_breaks_whoever_waits_is_told_and_nobody_waits_for_the_change(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.put()
    house.loader.start()
    until(lambda: house.loader.loaded, 30, "the model")
    with monkeypatch.context() as broken:
        broken.setattr(house.loader, "_load", _breaks)
        with pytest.raises(ModelError, match="libgomp"):
            house.loader.reload()
        with pytest.raises(ModelError), house.loader.lease(20):
            pass
    until(lambda: house.loader.loaded, 30, "the model")


def test_a_reload_succeeds_while_a_model_elsewhere_answers_and_none_is_here(house: House) -> None:
    there = Loaded(house.model, ScriptedRuntime(lambda _: iter(())))
    house.loader.prefer(lambda: there)
    house.loader.start()
    house.loader.reload()
    assert house.loader.own is None


def test_files_that_say_nothing_of_their_model_are_no_reason_to_stop_waiting_for_another(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.put()
    mute = dataclasses.replace(house.model, shape=None)
    larger = dataclasses.replace(house.model, name="larger", title="The larger one", memory=9998)
    monkeypatch.setattr(registry, "load", _breaks)
    supply = Supply(Catalogue((larger, mute)), house.shelf)
    loader = Loader(supply, Wish(), look=lambda: BOX, deaths=Deaths(house.file, conditions=""))
    loader.start()
    until(lambda: "I wait for the model The larger one" in loader.state, 30, "word of waiting")
    loader.close()


def test_the_end_in_the_middle_of_a_load_is_an_end_in_good_order(house: House) -> None:
    house.put()
    house.may_load.clear()
    house.loader.start()
    assert house.loading.wait(30)
    assert house.serving()
    ending = threading.Thread(target=house.loader.close)
    ending.start()
    until(lambda: house.serving() is None, 30, "a good end")
    assert ending.is_alive()
    house.may_load.set()
    ending.join(10)
    assert house.engines[0].closed
    assert house.loader.own is None


def test_at_the_end_answers_end_at_once_and_nobody_waits_for_another_model(house: House) -> None:
    house.put()
    house.loader.start()
    until(lambda: house.loader.loaded, 30, "the model")
    with house.loader.lease():
        house.loader.close()
        assert house.engines[0].closed
    assert house.serving() is None
    with pytest.raises(ModelError), house.loader.lease(patience=20):
        pass


def test_a_library_that_does_not_load_means_no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (ImportError, RuntimeError, FileNotFoundError):

        class Broken:
            def __getattr__(self, name: str) -> object:
                raise kind("Failed to load shared library")  # noqa: B023 - used within the round

        monkeypatch.setitem(sys.modules, "agent.brain.llama.devices", Broken())
        assert beginning._devices() == ()
