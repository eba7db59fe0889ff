"""Embeddings as OpenAI's own client asks for them, by the real model: near and far, long texts, limits, and memory given back."""

from __future__ import annotations

import base64
import math
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from agent.brain import embeddings
from agent.brain.embedder import Embedder
from agent.errors import ModelError, UnavailableError
from agent.models import catalogue
from agent.models.shelf import Shelf
from agent.settings import Secret
from agent.wire import serve
from tests.conftest import EMBEDDER
from tests.live.running import until
from tests.live.served import Served

pytestmark = pytest.mark.models

OWLS = "An owl hunts mice in the barn at night."
LONG = f"{'The accounts of the year are added up once more. ' * 60}{OWLS}"


@pytest.fixture(scope="module")
def embedder(models: Path) -> Iterator[Embedder]:
    made = Embedder(Shelf(models), catalogue.load().find(EMBEDDER))
    yield made
    made.close()


@pytest.fixture(scope="module")
def url(embedder: Embedder) -> Iterator[str]:
    app = serve.service(
        "brain", "http://127.0.0.1:8701", Secret(""), max_body=8_000_000, info=lambda: {"ready": True}
    )
    embeddings.add_routes(app, embedder)
    with Served(app) as served:
        yield f"{served.url}/v1"


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as made:
        yield made


def _nearness(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _post(url: str, body: Any) -> httpx.Response:
    return httpx.post(f"{url}/embeddings", json=body, trust_env=False, timeout=30)


def test_texts_of_like_meaning_lie_near(client: openai.OpenAI) -> None:
    asked = [OWLS, "A bird of prey catches rodents after dark.", "Tax forms are due in March."]
    answer = client.embeddings.create(model=EMBEDDER, input=asked)
    one, near, far = (row.embedding for row in answer.data)
    assert [row.index for row in answer.data] == [0, 1, 2]
    assert len(one) == 384
    assert _nearness(one, one) == pytest.approx(1, abs=1e-5)
    assert _nearness(one, near) > _nearness(one, far) + 0.2
    assert answer.model == EMBEDDER
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 20


def test_numbers_and_base64_are_the_same_vector(url: str) -> None:
    plain = _post(url, {"input": OWLS}).json()["data"][0]["embedding"]
    packed = _post(url, {"input": OWLS, "encoding_format": "base64"}).json()["data"][0]["embedding"]
    assert np.frombuffer(base64.b64decode(packed), dtype="<f4").tolist() == plain


def test_the_end_of_a_long_text_counts(client: openai.OpenAI) -> None:
    """Of 600 tokens the model reads 256 at once; the owls come last."""
    owls, long, without = (
        row.embedding
        for row in client.embeddings.create(model="default", input=[OWLS, LONG, LONG.removesuffix(OWLS)]).data
    )
    assert _nearness(owls, long) > _nearness(owls, without) + 0.02
    assert math.isclose(_nearness(long, long), 1, abs_tol=1e-5)


def test_a_text_has_the_same_vector_alone_and_among_others(client: openai.OpenAI) -> None:
    among = client.embeddings.create(model=EMBEDDER, input=["x", LONG, OWLS, "y" * 300] * 8).data[2].embedding
    alone = client.embeddings.create(model=EMBEDDER, input=OWLS).data[0].embedding
    assert _nearness(among, alone) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 400, "input must be"),
        ({"input": []}, 400, "at least one"),
        ({"input": ""}, 400, "not empty"),
        ({"input": ["a", None]}, 400, r"input[1] must be text"),
        ({"input": "half \ud800 of a character"}, 400, "must be text"),
        ({"input": [1, 2, 3]}, 400, "tokens of its own"),
        ({"input": [[1, 2], [3]]}, 400, "tokens of its own"),
        ({"input": ["a"] * 257}, 400, "more than 256"),
        ({"input": "a" * 8193}, 400, "8193 characters"),
        ({"input": ["a" * 8192] * 17}, 400, "together"),
        ({"input": "a", "encoding_format": "hex"}, 400, "float or base64"),
        ({"input": "a", "dimensions": 64}, 400, "384 numbers"),
        ({"input": "a", "dimensions": "few"}, 400, "whole number"),
        ({"input": "a", "model": "text-embedding-9"}, 404, EMBEDDER),
    ],
)
def test_what_is_wrong_is_said(url: str, body: dict[str, Any], status: int, says: str) -> None:
    answer = httpx.post(
        f"{url}/embeddings",
        content=_ascii(body),
        headers={"Content-Type": "application/json"},
        trust_env=False,
    )
    assert answer.status_code == status
    error = answer.json()["error"]
    assert says in error["message"] + error.get("hint", "")
    assert error["type"] == "invalid_request_error"
    assert error["param"] in ("input", "encoding_format", "dimensions", "model")


def _ascii(body: dict[str, Any]) -> bytes:
    import json

    return json.dumps(body, ensure_ascii=True).encode()


def test_its_own_number_of_dimensions_is_taken(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model=EMBEDDER, input="a", dimensions=384)
    assert len(answer.data[0].embedding) == 384


def test_without_the_file_it_says_how_to_get_it(tmp_path: Path) -> None:
    absent = Embedder(Shelf(tmp_path), catalogue.load().find(EMBEDDER))
    with pytest.raises(ModelError, match=rf"not on the shelf.*/v1/models/{EMBEDDER}/fetch"):
        absent.embed(["a"])
    absent.close()


def test_a_damaged_file_is_said(models: Path, tmp_path: Path) -> None:
    import dataclasses
    import hashlib

    junk = b"no model at all"
    model = catalogue.load().find(EMBEDDER)
    files = (dataclasses.replace(model.files[0], size=len(junk), sha256=hashlib.sha256(junk).hexdigest()),)
    model = dataclasses.replace(model, files=files)
    shelf = Shelf(tmp_path)
    shelf.path(model).parent.mkdir()
    shelf.path(model).write_bytes(junk)
    damaged = Embedder(shelf, model)
    with pytest.raises(ModelError, match="does not load"):
        damaged.embed(["a"])
    damaged.close()


def test_its_memory_is_given_back_also_if_the_time_is_over_at_once(models: Path) -> None:
    embedder = Embedder(Shelf(models), catalogue.load().find(EMBEDDER), kept=0)
    for _ in range(3):
        assert embedder.embed(["a"])
        until(lambda: embedder.dimensions is None, 20, "its memory back")
    embedder.close()


def test_the_brain_embeds_while_it_waits_for_its_chat_model(models: Path, tmp_path: Path) -> None:
    from tests.live.running import Running

    folder = tmp_path / "models"
    folder.mkdir()
    (folder / EMBEDDER).symlink_to(models / EMBEDDER)
    with Running(tmp_path, {"models.folder": str(folder)}) as house:
        house.start("brain", wait_for="brain")
        assert not (house.answers("brain") or {})["ready"]
        url = f"{house.settings.text('brain.url')}/v1"
        with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
            answer = client.embeddings.create(model=EMBEDDER, input=["an owl", "a mouse"])
            assert [len(row.embedding) for row in answer.data] == [384, 384]
            with pytest.raises(openai.BadRequestError, match="384 numbers"):
                client.embeddings.create(model=EMBEDDER, input="an owl", dimensions=64)


def test_its_memory_is_given_back_when_nobody_calls(models: Path) -> None:
    brief = Embedder(Shelf(models), catalogue.load().find(EMBEDDER), kept=0.5)
    first = brief.embed([OWLS])
    until(lambda: not brief.dimensions, 10, "the memory")
    again = brief.embed([OWLS])
    assert first is not None
    assert len(first[0][0]) == 384
    assert again is not None
    assert np.array_equal(first[0], again[0])
    brief.close()
    assert not brief.dimensions


def test_who_hangs_up_is_let_go_between_two_handfuls_of_texts(embedder: Embedder) -> None:
    looks = iter([False, True])
    assert embedder.embed(["a"] * 48, gone=lambda: next(looks)) is None
    assert embedder.embed(["a"]) is not None


def test_those_beyond_the_bound_are_refused_and_those_who_wait_can_leave(embedder: Embedder) -> None:
    working, leave = threading.Event(), threading.Event()

    def hold() -> bool:
        working.set()
        return leave.wait(20)

    holder = threading.Thread(target=embedder.embed, args=(["a"], hold))
    holder.start()
    assert working.wait(20)
    results: list[Any] = []
    waiting = [
        threading.Thread(target=lambda: results.append(embedder.embed(["a"], leave.is_set))) for _ in range(4)
    ]
    for thread in waiting:
        thread.start()

    def refused() -> str:
        try:
            embedder.embed(["a"], lambda: True)
        except UnavailableError as full:
            return f"{full.message} {full.retry_after:.0f} s"
        return ""

    assert until(refused, 10, "the refusal") == "4 calls for embeddings wait already. 5 s"
    leave.set()
    for thread in [holder, *waiting]:
        thread.join(20)
    assert results == [None] * 4
    assert embedder.embed(["a"]) is not None
