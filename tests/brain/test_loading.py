"""Getting a model into memory: waiting for its file, and stepping down when it does not load."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.brain.loading import Loader, Wish
from agent.errors import ModelError
from agent.models import catalogue
from agent.models.catalogue import Catalogue, Model
from agent.models.shelf import Shelf
from tests.conftest import CHAT_MODEL
from tests.live.running import until

pytestmark = pytest.mark.models

JUNK = b"GGUF" + bytes(2000)


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


@contextmanager
def _loading(models: tuple[Model, ...], shelf: Shelf, named: str) -> Iterator[Loader]:
    loader = Loader(
        Catalogue(models), shelf, Wish(named=named, memory=8000, reserve=1500, context=512, threads=1)
    )
    loader.start()
    yield loader
    loader.close()


def _put(shelf: Shelf, model: Model, data: Path | bytes) -> None:
    path = shelf.path(model)
    path.parent.mkdir(parents=True)
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        shutil.copyfile(data, path)
    assert shelf.adopt(model)


def test_it_waits_for_the_file_and_says_so(small: Model, models: Path, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    with _loading((small,), shelf, CHAT_MODEL) as loader:
        until(lambda: "I wait for" in loader.state, 5, "word of waiting")
        with pytest.raises(ModelError, match="I wait for"):
            loader.demand()
        assert loader.info()["wanted"]["name"] == CHAT_MODEL
        _put(shelf, small, Shelf(models).path(small))
        until(lambda: loader.loaded, 20, "the model")
        assert loader.info()["ready"]
        assert "answers" in loader.state


def test_a_model_that_does_not_load_makes_way_for_a_smaller_one(
    small: Model, broken: Model, models: Path, tmp_path: Path
) -> None:
    shelf = Shelf(tmp_path)
    _put(shelf, broken, JUNK)
    _put(shelf, small, Shelf(models).path(small))
    with _loading((small, broken), shelf, "broken") as loader:
        loaded = until(lambda: loader.loaded, 20, "the smaller model")
        assert loaded.model == small
        assert "stepped down" in loader.state
        assert "broken.gguf does not load" in loader.state


def test_when_none_loads_it_says_why_and_stays_alive(broken: Model, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    _put(shelf, broken, JUNK)
    with _loading((broken,), shelf, "broken") as loader:
        until(lambda: loader.state.startswith("No model loads"), 20, "word of failure")
        with pytest.raises(ModelError, match=r"broken\.gguf does not load"):
            loader.demand()
