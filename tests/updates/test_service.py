"""Updates: fetching what the house wants, trying again, and telling how far it is."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest

from agent.errors import UnreachableError
from agent.models import wanted
from agent.models.catalogue import Catalogue, File, Model, Source
from agent.models.fetch import Progress, fetch
from agent.models.shelf import Shelf
from agent.wire.call import Client
from provisioning.updates.fetching import Fetcher
from provisioning.updates.wishes import Wishes
from tests.conftest import CHAT_MODEL, EMBEDDER
from tests.fakes.file_server import FileServer
from tests.live.running import Running, until

DATA = b"owl" * 50_000


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer({"first": DATA, "second": DATA}) as server:
        yield server


def _model(name: str, server: FileServer) -> Model:
    file = File(
        name=f"{name}.gguf",
        size=len(DATA),
        sha256=hashlib.sha256(DATA).hexdigest(),
        sources=(Source(url=server.url(name)),),
    )
    return Model(
        name=name, role="chat", title=name.title(), licence="Apache-2.0", memory=1, context=512,
        quantisation="none", parameters=1, files=(file,),
    )  # fmt: skip


def _fetch(model: Model, shelf: Shelf, progress: Progress) -> None:
    fetch(model, shelf, progress=progress)


@contextmanager
def _fetching(shelf: Shelf) -> Iterator[Fetcher]:
    fetcher = Fetcher(shelf, _fetch, pause=0.2)
    fetcher.start()
    yield fetcher
    fetcher.close()


def test_what_is_wanted_is_fetched_in_order(server: FileServer, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    models = [_model("first", server), _model("second", server)]
    with _fetching(shelf) as fetcher:
        fetcher.want(models)
        until(lambda: all(shelf.installed(model) for model in models), 60, "both models")
        assert [path for path, _ in server.asked] == ["first", "second"]
        until(lambda: not fetcher.progress(models[1])["fetching"], 60, "rest")
        assert fetcher.progress(models[1]) == {"fetched": len(DATA), "fetching": False, "error": ""}


def test_a_failure_is_told_and_tried_again_by_itself(server: FileServer, tmp_path: Path) -> None:
    shelf, model = Shelf(tmp_path), _model("first", server)
    server.status = 503
    with _fetching(shelf) as fetcher:
        fetcher.want([model])
        until(lambda: "503" in str(fetcher.progress(model)["error"]), 60, "the error")
        server.status = 0
        until(lambda: shelf.installed(model), 60, "the model")
        until(lambda: not fetcher.progress(model)["error"], 60, "peace")


def test_one_that_fails_does_not_hold_up_the_next(server: FileServer, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    lost, found = _model("lost", server), _model("second", server)
    with _fetching(shelf) as fetcher:
        fetcher.want([lost, found])
        until(lambda: shelf.installed(found), 60, "the other model")
        until(lambda: "404" in str(fetcher.progress(lost)["error"]), 60, "the error, between two tries")


def test_what_breaks_unforeseen_does_not_end_the_work(server: FileServer, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    good = _model("first", server)
    broken = dataclasses.replace(_model("second", server), files=())
    tried = threading.Event()

    def brittle(model: Model, place: Shelf, progress: Progress) -> None:
        if model.name == "odd":
            tried.set()
            raise ZeroDivisionError
        _fetch(model, place, progress)

    fetcher = Fetcher(shelf, brittle)
    fetcher.start()
    fetcher.want([dataclasses.replace(broken, name="odd", files=good.files), good])
    until(lambda: shelf.installed(good), 60, "the good model")
    assert tried.is_set()
    fetcher.close()


def test_it_stops_in_the_middle_and_keeps_what_came(server: FileServer, tmp_path: Path) -> None:
    shelf, model = Shelf(tmp_path), _model("first", server)
    server.silent.set()
    fetcher = Fetcher(shelf, _fetch)
    fetcher.start()
    fetcher.want([model])
    until(lambda: server.asked, 60, "the request")
    closing = threading.Thread(target=fetcher.close)
    closing.start()
    server.silent.clear()
    closing.join(10)
    assert not closing.is_alive()
    assert not shelf.installed(model)


def test_a_network_that_is_away_for_weeks_does_not_end_the_work(server: FileServer, tmp_path: Path) -> None:
    shelf, model = Shelf(tmp_path), _model("first", server)
    server.status = 503
    with _fetching(shelf) as fetcher:
        fetcher.want([model])
        until(lambda: fetcher._jobs["first"].failures == 1, 60, "a failure")
        with fetcher._news:
            fetcher._jobs["first"].failures = 5_000
        until(lambda: fetcher._jobs["first"].failures > 5_000, 60, "one more")
        server.status = 0
        fetcher.want([model], now=True)
        assert fetcher._jobs["first"].failures == 0
        until(lambda: shelf.installed(model), 60, "the model")


def test_the_work_goes_on_when_the_shelf_itself_breaks(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf, model = Shelf(tmp_path), _model("first", server)
    broken = threading.Event()

    def breaks(_shelf: Shelf, _model: Model) -> bool:
        broken.set()
        raise ZeroDivisionError

    with _fetching(shelf) as fetcher, monkeypatch.context() as unwell:
        unwell.setattr(Shelf, "installed", breaks)
        fetcher.want([model])
        assert broken.wait(5)
        unwell.undo()
        until(lambda: shelf.installed(model), 60, "the model")


def test_when_nobody_wants_a_model_any_more_nothing_says_that_it_is_tried_again(
    server: FileServer, tmp_path: Path
) -> None:
    shelf, model = Shelf(tmp_path), _model("first", server)
    server.status = 503
    with _fetching(shelf) as fetcher:
        fetcher.want([model])
        until(lambda: wanted.progress(model, shelf).state == "failed", 60, "the failure")
        fetcher.give_up(model)
        until(lambda: wanted.progress(model, shelf).state == "available", 20, "no word of it")


def test_a_failure_that_comes_after_nobody_wants_the_model_leaves_no_word(
    server: FileServer, tmp_path: Path
) -> None:
    shelf, model = Shelf(tmp_path), _model("first", server)
    trying, go_on = threading.Event(), threading.Event()

    def late(_model: Model, _place: Shelf, _progress: Progress) -> None:
        trying.set()
        go_on.wait(5)
        raise UnreachableError("Nobody is there.")

    fetcher = Fetcher(shelf, late)
    fetcher.start()
    fetcher.want([model])
    assert trying.wait(5)
    job = fetcher._jobs["first"]
    fetcher.give_up(model)
    go_on.set()
    until(lambda: not job.fetching, 60, "the failure")
    assert wanted.progress(model, shelf).state == "available"
    fetcher.close()


def test_a_failure_from_before_the_start_goes_as_soon_as_the_brain_says_that_it_wants_another(
    server: FileServer, tmp_path: Path
) -> None:
    shelf = Shelf(tmp_path)
    first, second = _model("first", server), _model("second", server)
    for model in (first, second):
        wanted.fail(model, shelf, "The moon is in the way.")
    brain = create_autospec(Client, instance=True)
    brain.get.return_value = {"wanted": {"name": "second"}}
    fetcher = Fetcher(shelf, _fetch)
    wishes = Wishes(Catalogue((first, second)), shelf, fetcher, brain=brain, embedder="")
    assert wishes._ask()
    assert [wanted.progress(model, shelf).state for model in (first, second)] == ["available", "failed"]


def test_what_nobody_foresaw_does_not_end_the_asking(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for pause in ("_LOOK_S", "_ASK_S", "_ASK_AGAIN_S"):
        monkeypatch.setattr(f"provisioning.updates.wishes.{pause}", 0.01)
    brain = create_autospec(Client, instance=True)
    brain.get.side_effect = [ValueError("That is no JSON."), {"wanted": {"name": "first"}}]
    shelf = Shelf(tmp_path)
    model = _model("first", server)
    fetcher = Fetcher(shelf, _fetch)
    wishes = Wishes(Catalogue((model,)), shelf, fetcher, brain=brain, embedder="")
    wishes.start()
    until(lambda: fetcher._jobs, 20, "the wish")
    wishes.close()
    assert "wishes.broke" in caplog.text


@pytest.mark.models
def test_the_house_gets_its_embedder_and_the_model_that_the_brain_wants(models: Path, tmp_path: Path) -> None:
    with Running(tmp_path, {"brain.model": CHAT_MODEL}) as house:
        house.start("brain", wait_for="brain")
        house.start("updates", wait_for="updates")

        def listed() -> dict[str, dict[str, Any]]:
            return {model["name"]: model for model in house.client("updates").get("/models")["models"]}

        until(lambda: listed()[CHAT_MODEL]["wanted"], 20, "the wish")
        both = [listed()[name] for name in (EMBEDDER, CHAT_MODEL)]
        assert [(model["wanted"], model["installed"]) for model in both] == [(True, True)] * 2
        assert all(model["fetched"] == model["size"] and not model["error"] for model in both)
        assert house.client("updates").get("/info")["state"] == "All models that are wanted are here."


@pytest.mark.servers
def test_on_a_desk_nisse_itself_is_shown_and_left_alone(tmp_path: Path) -> None:
    with Running(tmp_path, {}) as house:
        house.start("updates", wait_for="updates")
        told = house.client("updates").get("/program")
        assert (told["box"], told["step"], told["offer"]) == (False, "idle", None)
        assert "updated from its checkout" in told["sentence"]
        assert house.client("updates").get("/info")["notice"] == ""
