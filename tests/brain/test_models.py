"""Models over the API: the list, a wish that the updates service fulfils, its progress, failures in words, and removing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from flask import g

from agent.brain import models
from agent.models import wanted
from agent.models.catalogue import Catalogue, File, Model, Source
from agent.models.fetch import Progress, fetch
from agent.models.shelf import Shelf
from agent.settings import Secret
from agent.wire import serve
from agent.wire.call import Client
from provisioning.updates.fetching import Fetcher
from provisioning.updates.wishes import Wishes
from tests.conftest import CHAT_MODEL, EMBEDDER
from tests.fakes.file_server import FileServer
from tests.live.running import Running, until
from tests.live.served import Served

DATA = os.urandom(1 << 20)
GUEST = "an API key"
MEMORY = {"large": 800, "small": 100}  # MB of memory by name


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(dict.fromkeys((*MEMORY, "embedder"), DATA)) as server:
        yield server


@pytest.fixture
def catalogue(server: FileServer) -> Catalogue:
    chat = [_model(name, memory, "chat", server) for name, memory in MEMORY.items()]
    return Catalogue((*chat, _model("embedder", 50, "embed", server)))


def _model(name: str, memory: int, role: str, server: FileServer) -> Model:
    file = File(
        name=f"{name}.gguf",
        size=len(DATA),
        sha256=hashlib.sha256(DATA).hexdigest(),
        sources=(Source(url=server.url(name)),),
    )
    return Model(
        name=name, role=role, title=name.title(), licence="Apache-2.0", memory=memory, context=512,
        quantisation="none", parameters=1, files=(file,),
    )  # fmt: skip


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "models")


@pytest.fixture
def http(catalogue: Catalogue, shelf: Shelf) -> Iterator[httpx.Client]:
    """The brain's routes on a real socket; `embedder` must stay."""
    app = serve.service(
        "brain",
        "http://127.0.0.1:8701",
        Secret(""),
        max_body=1_000_000,
        info=lambda: {"ready": True},
        admits=_admits,
    )
    models.add_routes(
        app,
        models.Models(
            lambda: catalogue,
            shelf,
            served=lambda: "small",
            kept=lambda: {"embedder": "The house finds its documents by it."},
        ),
    )
    with Served(app) as served, httpx.Client(base_url=served.url, trust_env=False, timeout=30) as client:
        yield client


def _admits(shown: str) -> bool:
    if shown == GUEST:
        g.key_name = "a guest"
    return True


@contextmanager
def _updates(catalogue: Catalogue, shelf: Shelf) -> Iterator[Fetcher]:
    """The parts of the updates service that see to wishes; the brain that it asks is not there."""

    def bring(model: Model, place: Shelf, progress: Progress) -> None:
        fetch(model, place, progress=progress)

    fetcher = Fetcher(shelf, bring, pause=60)
    nobody = Client("brain", "http://127.0.0.1:9", Secret(""))
    wishes = Wishes(catalogue, shelf, fetcher, brain=nobody, embedder="")
    wishes.start()
    fetcher.start()
    try:
        yield fetcher
    finally:
        wishes.close()
        fetcher.close()
        nobody.close()


def _state(http: httpx.Client, name: str) -> str:
    return str(http.get(f"/v1/models/{name}").json()["progress"]["state"])


def _is(http: httpx.Client, name: str, state: str) -> Callable[[], bool]:
    return lambda: _state(http, name) == state


def _events(http: httpx.Client, name: str) -> list[dict[str, Any]]:
    with http.stream("POST", f"/v1/models/{name}/fetch", json={"stream": True}) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data:")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_openais_client_lists_them_and_finds_one(http: httpx.Client) -> None:
    with openai.OpenAI(base_url=f"{http.base_url}/v1", api_key="none", max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["large", "small", "embedder"]
        assert client.models.retrieve("small").owned_by == "nisse"
        with pytest.raises(openai.NotFoundError, match="no model named 'gpt-9'"):
            client.models.retrieve("gpt-9")


def test_each_says_what_it_is_and_how_far(http: httpx.Client) -> None:
    rows = {row["id"]: row for row in http.get("/v1/models").json()["data"]}
    assert rows["small"]["served"]
    assert not rows["large"]["served"]
    assert (rows["large"]["memory"], rows["large"]["role"]) == (800, "chat")
    assert rows["embedder"]["role"] == "embed"
    assert rows["large"]["progress"] == {"state": "available", "done": 0, "size": len(DATA), "error": ""}
    assert http.get("/v1/models/large").json() == rows["large"]


def test_a_wish_is_fulfilled_and_its_progress_streams(
    http: httpx.Client, catalogue: Catalogue, shelf: Shelf
) -> None:
    with _updates(catalogue, shelf):
        events = _events(http, "large")
        assert events[-1] == {
            "id": "large", "object": "model.progress", "state": "installed", "done": len(DATA),
            "size": len(DATA), "error": "",
        }  # fmt: skip
        assert events[0]["state"] in ("waiting", "fetching")
        assert http.get("/v1/models/large").json()["installed"]
        again = http.post("/v1/models/large/fetch")
        assert (again.status_code, again.json()["installed"]) == (200, True)
        until(lambda: not wanted.wished(catalogue.models, shelf), 5, "the wish's end")


def test_a_wish_that_nobody_hears_yet_is_kept(http: httpx.Client, catalogue: Catalogue, shelf: Shelf) -> None:
    for _ in range(3):
        answer = http.post("/v1/models/large/fetch")
        assert (answer.status_code, answer.json()["progress"]["state"]) == (202, "waiting")
    with _updates(catalogue, shelf):
        until(_is(http, "large", "installed"), 20, "the model")


def test_a_failure_ends_the_stream_with_its_reason_and_wishing_again_tries_at_once(
    http: httpx.Client, catalogue: Catalogue, shelf: Shelf, server: FileServer
) -> None:
    server.status = 503
    with _updates(catalogue, shelf):
        last = _events(http, "large")[-1]
        assert last["state"] == "failed"
        assert "503" in last["error"]
        server.status = 0
        assert _events(http, "large")[-1]["state"] == "installed"


def test_what_is_taken_back_while_it_comes_is_not_fetched_to_its_end(
    http: httpx.Client, catalogue: Catalogue, shelf: Shelf, server: FileServer
) -> None:
    server.cut_after = 200_000  # each line breaks, and the next goes on
    server.silent.set()
    with _updates(catalogue, shelf) as fetcher:
        http.post("/v1/models/large/fetch", json={})
        until(_is(http, "large", "fetching"), 10, "the fetch")
        wanted.withdraw(catalogue.find("large"), shelf)
        until(lambda: not fetcher.wanted(catalogue.find("large")), 10, "the news")
        server.silent.clear()
        until(_is(http, "large", "available"), 10, "the end")
        assert http.delete("/v1/models/large").json()["deleted"]
        assert http.get("/v1/models/large").json()["progress"]["done"] == 0


def test_one_is_removed_and_does_not_come_back_by_itself(
    http: httpx.Client, catalogue: Catalogue, shelf: Shelf
) -> None:
    with _updates(catalogue, shelf) as fetcher:
        assert _events(http, "small")[-1]["state"] == "installed"
        until(lambda: not fetcher.wanted(catalogue.find("small")), 10, "the end of the wish")
        with openai.OpenAI(base_url=f"{http.base_url}/v1", api_key="none", max_retries=0) as client:
            assert client.models.delete("small").deleted
            with pytest.raises(openai.NotFoundError):
                client.models.delete("small")
        assert _events(http, "large")[-1]["state"] == "installed"  # it works, and yet leaves the other alone
        assert _state(http, "small") == "available"


def test_what_the_house_needs_stays(http: httpx.Client, catalogue: Catalogue, shelf: Shelf) -> None:
    fetch(catalogue.find("embedder"), shelf)
    answer = http.delete("/v1/models/embedder")
    assert answer.status_code == 409
    assert "finds its documents by it" in answer.json()["error"]["message"]
    assert _state(http, "embedder") == "installed"


def test_an_api_key_may_look_and_wish_but_takes_nothing_off_the_shelf(
    http: httpx.Client, catalogue: Catalogue, shelf: Shelf
) -> None:
    fetch(catalogue.find("small"), shelf)
    guest = {"Authorization": f"Bearer {GUEST}"}
    assert http.get("/v1/models/small", headers=guest).json()["installed"]
    assert http.post("/v1/models/large/fetch", headers=guest).status_code == 202
    assert http.delete("/v1/models/small", headers=guest).status_code == 403
    assert _state(http, "small") == "installed"


def test_without_room_on_the_disk_it_says_so_at_once(
    http: httpx.Client, catalogue: Catalogue, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shelf, "free", lambda _shelf: 1_000_000)
    answer = http.post("/v1/models/large/fetch")
    assert answer.status_code == 507
    assert "only 1 MB are free" in answer.json()["error"]["message"]
    assert _state(http, "large") == "available"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/models/gpt-9", None, 404),
        ("POST", "/v1/models/gpt-9/fetch", None, 404),
        ("DELETE", "/v1/models/gpt-9", None, 404),
        ("DELETE", "/v1/models/large", None, 404),
        ("POST", "/v1/models/large/fetch", {"stream": "yes"}, 400),
        ("POST", "/v1/models/large/fetch", [1], 400),
        ("POST", "/v1/models/large", {}, 405),
    ],
)
def test_what_is_wrong_is_said(http: httpx.Client, method: str, path: str, body: Any, status: int) -> None:
    answer = http.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_no_more_than_four_are_told_at_once_and_who_leaves_makes_room(http: httpx.Client) -> None:
    told = [http.stream("POST", "/v1/models/large/fetch", json={"stream": True}) for _ in range(4)]
    for each in told:
        assert each.__enter__().status_code == 200
    refused = http.post("/v1/models/large/fetch", json={"stream": True})
    assert refused.status_code == 503
    assert "fetched all the same" in refused.json()["error"]["message"]
    for each in told:
        each.__exit__(None, None, None)


@pytest.mark.models
def test_two_processes_bring_a_model_that_lies_there_unseen(models: Path, tmp_path: Path) -> None:
    """The brain lays the wish, updates finds the owner's file at its place, checks it, and it counts."""
    from agent.models.catalogue import load

    catalogue, folder = load(), tmp_path / "models"
    for name in (CHAT_MODEL, EMBEDDER):
        place = folder / name
        place.mkdir(parents=True)
        for file in catalogue.find(name).files:
            (place / file.name).symlink_to(models / name / file.name)
    with Running(tmp_path, {"brain.model": CHAT_MODEL, "models.folder": str(folder)}) as house:
        house.start("brain", wait_for="brain")
        house.start("updates", wait_for="updates")
        brain = house.client("brain")
        last: dict[str, Any] = {}
        for line in brain.events(f"/v1/models/{EMBEDDER}/fetch", {"stream": True}, timeout=60):
            if line.startswith("{"):
                last = json.loads(line)
        assert last["state"] == "installed"
