"""Getting a model into memory: waiting for its file, changing over, loading anew, and stepping down when it does not load."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent import settings
from agent.brain import Asker, Request, beginning
from agent.brain.deaths import Deaths
from agent.brain.fit import Box, Wish
from agent.brain.loading import Loaded, Loader
from agent.brain.supply import Supply
from agent.errors import ModelError
from agent.models import catalogue
from agent.models.catalogue import Catalogue, Model
from agent.models.shelf import Shelf
from tests.conftest import CHAT_MODEL
from tests.live.running import until

pytestmark = pytest.mark.models

JUNK = b"GGUF" + bytes(2000)
BOX = Box(board="A box", memory=8000, cores=1, fast_cores=1)


@pytest.fixture
def small() -> Model:
    return catalogue.load().find(CHAT_MODEL)


@pytest.fixture
def broken(small: Model) -> Model:
    """A model whose file is whole and yet no model: as a file of a later format would be."""
    file = dataclasses.replace(
        small.files[0], name="broken.gguf", size=len(JUNK), sha256=hashlib.sha256(JUNK).hexdigest()
    )
    return dataclasses.replace(small, name="broken", title="Broken", memory=9999, files=(file,))


@pytest.fixture
def larger(small: Model) -> Model:
    """The same file under the name of a larger model."""
    return dataclasses.replace(small, name="larger", title="The larger one", memory=9998)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "models")


@contextmanager
def _loading(
    models: tuple[Model, ...],
    shelf: Shelf,
    named: str = "",
    *,
    context: int = 512,
    elsewhere: Callable[[], Loaded | None] = lambda: None,
) -> Iterator[Loader]:
    deaths = Deaths(shelf.folder.parent / "serving.json", conditions="")
    wish = Wish(named=named, context=context)
    loader = Loader(Supply(Catalogue(models), shelf), wish, look=lambda: BOX, deaths=deaths)
    loader.prefer(elsewhere)
    loader.start()
    try:
        yield loader
    finally:
        loader.close()


def _put(shelf: Shelf, model: Model, data: Path | bytes) -> None:
    path = shelf.path(model)
    path.parent.mkdir(parents=True)
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        shutil.copyfile(data, path)
    assert shelf.adopt(model)


def _answer(loaded: Loaded) -> str:
    prompt = loaded.runtime.prepare(Request(prompt="One, two, three,", max_tokens=4, temperature=0))
    with loaded.runtime.submit(prompt, Asker()) as answer:
        return "".join(piece.text for piece in answer)


def test_it_waits_for_the_file_and_says_so(small: Model, models: Path, shelf: Shelf) -> None:
    with _loading((small,), shelf, CHAT_MODEL) as loader:
        until(lambda: "I wait for" in loader.state, 30, "word of waiting")
        with pytest.raises(ModelError, match="I wait for") as raised, loader.lease():
            pass
        assert raised.value.retry_after
        assert loader.info()["wanted"]["name"] == CHAT_MODEL
        _put(shelf, small, Shelf(models).path(small))
        until(lambda: loader.loaded, 20, "the model")
        assert loader.info()["ready"]
        assert "answers" in loader.state


def test_what_it_says_of_itself_is_what_it_planned_in_json(small: Model, models: Path, shelf: Shelf) -> None:
    _put(shelf, small, Shelf(models).path(small))
    with _loading((small,), shelf) as loader:
        until(lambda: loader.loaded, 20, "the model")
        info = json.loads(json.dumps(loader.info()))
    assert info["options"]["context"] == info["context"] == 512
    assert info["memory"]["total"] == sum(
        info["memory"][part] for part in ("weights", "cells", "compute", "rest")
    )
    assert info["why"][0].startswith("It is the largest model")
    assert info["box"]["memory"] == 8000
    assert info["notice"] == ""


def test_a_model_that_does_not_load_makes_way_for_a_smaller_one(
    small: Model, broken: Model, models: Path, shelf: Shelf
) -> None:
    _put(shelf, broken, JUNK)
    _put(shelf, small, Shelf(models).path(small))
    with _loading((small, broken), shelf, "broken") as loader:
        until(lambda: loader.loaded, 20, "the smaller model")
        assert loader.loaded
        assert loader.loaded.model == small
        assert "stepped down" in loader.state
        assert "broken.gguf does not load" in loader.state


def test_a_model_that_gets_too_little_memory_is_tried_with_half_the_context(
    small: Model, models: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    import llama_cpp

    real = llama_cpp.llama_init_from_model

    def scarce(model: object, parameters: object) -> object:
        return real(model, parameters) if parameters.n_ctx <= 2048 else None  # type: ignore[attr-defined]

    monkeypatch.setattr(llama_cpp, "llama_init_from_model", scarce)
    _put(shelf, small, Shelf(models).path(small))
    with _loading((small,), shelf, context=2048) as loader:
        until(lambda: loader.loaded, 20, "the model")
        assert loader.info()["context"] == 1024
        assert "gets no memory" in loader.state
        assert any("less room" in sentence for sentence in loader.info()["why"])


def test_when_none_loads_it_says_why_and_stays_alive(broken: Model, shelf: Shelf) -> None:
    _put(shelf, broken, JUNK)
    with _loading((broken,), shelf, "broken") as loader:
        until(lambda: loader.state.startswith("No model loads"), 20, "word of failure")
        with pytest.raises(ModelError, match=r"broken\.gguf does not load"), loader.lease():
            pass


def test_a_name_that_nobody_knows_is_told_and_a_reload_does_not_hang(small: Model, shelf: Shelf) -> None:
    with _loading((small,), shelf, "gpt-9") as loader:
        until(lambda: "gpt-9" in loader.state, 30, "word of it")
        with pytest.raises(ModelError, match="gpt-9"):
            loader.reload()


def test_a_smaller_model_answers_until_the_wanted_one_is_here_and_nobody_is_interrupted(
    small: Model, larger: Model, models: Path, shelf: Shelf
) -> None:
    _put(shelf, small, Shelf(models).path(small))
    with _loading((larger, small), shelf) as loader:
        until(lambda: loader.loaded, 20, "the smaller model")
        assert loader.loaded
        assert loader.loaded.model == small
        assert "answers meanwhile. I wait for the model The larger one" in loader.state
        assert loader.wanted == larger
        with loader.lease() as held:
            _put(shelf, larger, Shelf(models).path(small))
            time.sleep(3)  # longer than it looks for files
            assert loader.loaded is held
            assert _answer(held)
        until(lambda: loader.loaded and loader.loaded.model == larger, 20, "the wanted model")
        with loader.lease() as held:
            assert _answer(held)
        assert "meanwhile" not in loader.state


def test_a_reload_waits_for_the_answers_and_those_who_ask_together_get_one(
    small: Model, models: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(shelf, small, Shelf(models).path(small))
    with _loading((small,), shelf) as loader:
        until(lambda: loader.loaded, 20, "the model")
        first = loader.loaded
        asking = [threading.Thread(target=loader.reload) for _ in range(3)]
        waiting = set()
        wait_for = loader._reloading.wait_for

        def seen_to_wait(*args: Any, **more: Any) -> Any:
            waiting.add(threading.current_thread())
            return wait_for(*args, **more)

        monkeypatch.setattr(loader._reloading, "wait_for", seen_to_wait)
        with loader.lease() as held:
            for each in asking:
                each.start()
            until(lambda: waiting.issuperset(asking), 30, "all three")
            assert _answer(held)  # it is still there for whoever holds it
        for each in asking:
            each.join(60)
        second = loader.loaded
        assert second is not None
        assert second is not first
        with loader.lease() as held:
            assert held is second
            assert _answer(held)
        assert loader._reloads == 1


def test_who_comes_while_it_is_loaded_anew_gets_the_new_one(small: Model, models: Path, shelf: Shelf) -> None:
    _put(shelf, small, Shelf(models).path(small))
    with _loading((small,), shelf) as loader:
        until(lambda: loader.loaded, 20, "the model")
        reloading = threading.Thread(target=loader.reload)
        reloading.start()
        until(lambda: loader.loaded is None or not reloading.is_alive(), 20, "the change")
        with loader.lease() as held:
            assert _answer(held)
        reloading.join(60)


def test_a_model_elsewhere_goes_before_ours_as_long_as_it_answers(
    small: Model, models: Path, shelf: Shelf
) -> None:
    _put(shelf, small, Shelf(models).path(small))
    there: list[Loaded] = []
    with _loading((small,), shelf, elsewhere=lambda: there[0] if there else None) as loader:
        until(lambda: loader.loaded, 20, "the model")
        ours = loader.loaded
        assert ours
        there.append(dataclasses.replace(ours, plan=None))
        with loader.lease() as held:
            assert held is there[0]
        assert loader.info()["options"] is None
        there.clear()
        with loader.lease() as held:
            assert held is ours


def test_the_house_settings_make_a_loader(models: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    values = {"NISSE_HOME": str(home), "NISSE_MODELS_FOLDER": str(models), "NISSE_BRAIN_MODEL": CHAT_MODEL}
    loader = beginning.loader(settings.load(values))
    loader.start()
    try:
        until(lambda: loader.loaded, 20, "the model")
        assert loader.info()["options"]["saved"] == str(home / "brain" / "saved")
        assert json.loads((home / "brain" / "serving.json").read_text())["serving"]["model"] == CHAT_MODEL
    finally:
        loader.close()
    assert json.loads((home / "brain" / "serving.json").read_text())["serving"] is None
