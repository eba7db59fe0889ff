"""What goes wrong, as the official client sees it; and what comes to the brain that no good client sends."""

from __future__ import annotations

import concurrent.futures
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.conftest import CHAT_MODEL
from tests.live.running import Running, until

pytestmark = pytest.mark.models

MODEL = CHAT_MODEL
ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]
CHAT = "/v1/chat/completions"
# It goes on with owls.
ENDLESS = {"prompt": "owl " * 20, "max_tokens": 1500, "temperature": 0}


def queue(brain: Running) -> dict[str, Any]:
    return dict(brain.client("brain").get("/info")["queue"])


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"temperature": 5}, "temperature"),
        ({"n": 99}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ["x"] * 9}, "stop"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"functions": [{"name": "x"}]}, "functions"),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "owl"}}}}, "response_format"),
        ({"logit_bias": {"99999999": 1}}, "logit_bias"),
        ({"extra_body": {"mirostat": 2}}, "mirostat"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_a_wrong_field_is_a_bad_request_that_names_it(
    ai: OpenAI, wrong: dict[str, Any], param: str, stream: bool
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ai.chat.completions.create(model=MODEL, messages=ASKED, stream=stream, **wrong)
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"
    assert refused.value.code == "invalid_request"
    assert refused.value.status_code == 400


def test_another_model_is_not_found(ai: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        ai.chat.completions.create(model="gpt-9", messages=ASKED)
    assert refused.value.param == "model"


def test_a_prompt_that_does_not_fit_is_refused_and_nothing_is_cut(ai: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"has \d+ tokens; this model takes at most 2047"):
        ai.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "owl " * 3000}])


def test_a_body_that_is_too_large_is_refused(http: httpx.Client) -> None:
    refused = http.post(CHAT, json={"messages": [{"role": "user", "content": "x" * 9_000_000}]})
    assert refused.status_code == 413
    assert refused.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"3", b"null", b'"x"', b"\xff\xfe", b"[" * 50_000, b'{"messages": [{"role": "user", "content": "\\ud83d"}]}',
             b'{"n": ' + b"9" * 5000 + b"}"]
)  # fmt: skip
def test_a_body_that_is_no_question_is_refused(http: httpx.Client, body: bytes) -> None:
    refused = http.post(CHAT, content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code == 400
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert refused.json()["error"]["message"]


def test_a_body_that_does_not_say_that_it_is_json_is_told_to(http: httpx.Client) -> None:
    refused = http.post(CHAT, content=b'{"messages": []}')
    assert refused.status_code == 400
    assert "application/json" in refused.json()["error"]["hint"]


def test_unknown_places_and_wrong_methods_are_said_in_the_same_form(http: httpx.Client) -> None:
    unknown = http.get("/v1/nothing")
    assert unknown.status_code == 404
    assert unknown.json()["error"]["message"] == "Invalid URL (GET /v1/nothing)"
    for path in (CHAT, "/v1/completions"):
        wrong = http.get(path)
        assert wrong.status_code == 405
        assert wrong.headers["Allow"] == "POST"
        assert wrong.json() == {
            "error": {
                "message": "Only POST requests are accepted.",
                "type": "invalid_request_error",
                "param": None,
                "code": "method_not_supported",
            }
        }
    assert http.post("/v1/models", json={}).status_code == 405


def test_web_pages_are_not_answered(http: httpx.Client) -> None:
    for headers in (
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
    ):
        refused = http.post(CHAT, json={"messages": ASKED}, headers=headers)
        assert refused.status_code == 403
        assert "Access-Control-Allow-Origin" not in refused.headers


def test_a_client_that_gives_up_leaves_no_work_behind(ai: OpenAI, brain: Running) -> None:
    with pytest.raises(openai.APITimeoutError):
        ai.with_options(timeout=0.5).completions.create(model=MODEL, **ENDLESS)  # type: ignore[call-overload]
    until(lambda: queue(brain)["working"] == 0, 5, "a free brain")


def test_a_client_that_closes_its_stream_leaves_no_work_behind(ai: OpenAI, brain: Running) -> None:
    stream = ai.completions.create(model=MODEL, stream=True, n=3, **ENDLESS)  # type: ignore[call-overload]
    next(stream)
    assert queue(brain)["working"] >= 1
    stream.close()
    until(lambda: queue(brain)["working"] == 0, 5, "a free brain")
    assert queue(brain)["waiting"] == 0


@pytest.fixture
def narrow(models: Path, tmp_path: Path) -> Iterator[Running]:
    """A brain in which one may wait."""
    values = {"brain.model": MODEL, "brain.context": "2048", "brain.queue": "1"}
    with Running(tmp_path / "narrow", values) as running:
        running.start("brain", wait_for="brain")
        until(lambda: (running.answers("brain") or {}).get("ready"), 60, "a ready brain")
        yield running


def test_a_full_queue_is_said_before_the_stream_and_the_client_comes_again(narrow: Running) -> None:
    url = narrow.settings.text("brain.url")
    client = OpenAI(base_url=f"{url}/v1", api_key="not needed", max_retries=0)
    streams = []
    with pytest.raises(openai.InternalServerError) as refused:
        for _ in range(30):
            streams.append(client.completions.create(model=MODEL, stream=True, **ENDLESS))  # type: ignore[call-overload]
            time.sleep(0.5)  # it is taken up, if there is room
    assert refused.value.status_code == 503
    assert int(refused.value.response.headers["Retry-After"]) >= 1
    assert refused.value.type == "server_error"
    until(lambda: queue(narrow)["waiting"] == 1, 30, "the one that waits")
    assert queue(narrow)["seconds"] > 0

    with concurrent.futures.ThreadPoolExecutor() as pool:
        patient = client.with_options(max_retries=5)
        later = pool.submit(patient.completions.create, model=MODEL, prompt="Hi", max_tokens=1)
        time.sleep(0.2)
        for stream in streams:
            stream.close()
        assert later.result(60).choices
    client.close()


def test_an_absent_model_is_said_with_a_time_to_come_again(models: Path, tmp_path: Path) -> None:
    with Running(
        tmp_path / "empty", {"models.folder": str(tmp_path / "none"), "brain.model": MODEL}
    ) as running:
        running.start("brain", wait_for="brain")
        with (
            OpenAI(base_url=f"{running.settings.text('brain.url')}/v1", api_key="x", max_retries=0) as client,
            pytest.raises(openai.InternalServerError) as refused,
        ):
            client.chat.completions.create(model=MODEL, messages=ASKED)
    assert refused.value.status_code == 503
    assert refused.value.code == "model"
    assert int(refused.value.response.headers["Retry-After"]) >= 1


def test_no_error_of_a_whole_day_is_anything_but_json(http: httpx.Client) -> None:
    calls = [("POST", CHAT, {}), ("POST", "/v1/completions", {"prompt": ""}), ("POST", "/v1/embeddings", {}),
             ("PUT", "/v1/models", {}), ("POST", "/keys", {}), ("DELETE", "/keys/nobody", None)]  # fmt: skip
    for method, path, body in calls:
        answer = http.request(method, path, json=body)
        assert 400 <= answer.status_code < 500, path
        assert set(json.loads(answer.text)["error"]) >= {"message", "type", "param", "code"}
