"""Two brains as real processes: one thinks for the other, which answers by itself when the first is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.conftest import CHAT_MODEL, COUNTING, repeating
from tests.live.running import Running, until

pytestmark = pytest.mark.models

TOKEN = "a token of some length"
GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 12}


@pytest.fixture(scope="module")
def large(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server."""
    values = {"brain.model": CHAT_MODEL, "brain.context": "3000", "brain.token": TOKEN}
    with Running(tmp_path_factory.mktemp("large"), values) as brain:
        brain.start("brain", wait_for="brain")
        until(lambda: (brain.answers("brain") or {}).get("ready"), 60, "a ready server")
        yield brain


@pytest.fixture(scope="module")
def small(large: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The house that asks it."""
    values = {
        "brain.model": CHAT_MODEL,
        "brain.context": "1024",
        "brain.remote": large.settings.text("brain.url"),
        "brain.remote_key": TOKEN,
    }
    with Running(tmp_path_factory.mktemp("small"), values) as brain:
        brain.start("brain", wait_for="brain")
        until(
            lambda: _info(brain)["answers"] == "remote" and "stands in if" in _info(brain)["state"],
            60,
            "both",
        )
        yield brain


@pytest.fixture
def client(small: Running) -> Iterator[Any]:  # its overloads know only literal arguments
    url = small.settings.text("brain.url")
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=60) as client:
        yield client


def _info(running: Running) -> dict[str, Any]:
    return dict(running.client("brain").get("/info"))


def _told(running: Running) -> int:
    """Tokens that this brain has written itself."""
    answer = httpx.get(
        f"{running.settings.text('brain.url')}/metrics",
        headers={"Authorization": f"Bearer {TOKEN}"},
        trust_env=False,
    )
    lines = [
        line
        for line in answer.text.splitlines()
        if line.startswith('nisse_brain_tokens_total{kind="answer"}')
    ]
    return int(float(lines[0].split()[-1])) if lines else 0


def test_the_server_answers_with_the_same_words_and_counts(
    client: Any, large: Running, small: Running
) -> None:
    body = {"messages": [{"role": "user", "content": repeating()}], **GREEDY}
    straight = large.client("brain").post("/v1/chat/completions", body)
    before = _told(large)
    through = client.chat.completions.create(model="default", **body)
    assert through.choices[0].message.content == straight["choices"][0]["message"]["content"]
    assert through.choices[0].finish_reason == straight["choices"][0]["finish_reason"]
    assert through.usage.completion_tokens == straight["usage"]["completion_tokens"]
    assert through.usage.prompt_tokens == straight["usage"]["prompt_tokens"]
    assert _told(large) > before
    facts = _info(small)
    assert facts["answers"] == "remote"
    assert facts["context"] >= 3000
    assert TOKEN not in json.dumps(facts)


def test_a_stream_stop_strings_and_bare_prompts(client: Any) -> None:
    asked = {"prompt": COUNTING, "temperature": 0, "max_tokens": 80, "stop": [" 44"]}
    answer = client.completions.create(model="default", **asked)
    assert answer.choices[0].text.strip().startswith("30, 31")
    assert answer.choices[0].finish_reason == "stop"
    pieces = [
        chunk.choices[0].text for chunk in client.completions.create(model="default", stream=True, **asked)
    ]
    assert "".join(pieces) == answer.choices[0].text
    assert len(pieces) > 2


def test_likelihoods_forms_and_several_answers(client: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer"}},
        "required": ["age"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model="default",
        messages=[{"role": "user", "content": "How old is the owl? It is 7."}],
        response_format={"type": "json_schema", "json_schema": {"name": "age", "schema": schema}},
        logprobs=True,
        top_logprobs=2,
        n=2,
        seed=7,
        max_tokens=40,
    )
    assert len(answer.choices) == 2
    for choice in answer.choices:
        assert isinstance(json.loads(choice.message.content or "")["age"], int)
        assert choice.logprobs is not None
        assert choice.logprobs.content
        assert len(choice.logprobs.content[0].top_logprobs) == 2


def test_a_call_of_a_tool_arrives_as_one(client: Any) -> None:
    town = {"type": "string", "maxLength": 20}
    parameters = {"type": "object", "properties": {"town": town}, "required": ["town"]}
    answer = client.chat.completions.create(
        model="default",
        messages=[{"role": "user", "content": "What is the weather in Oslo?"}],
        tools=[{"type": "function", "function": {"name": "weather", "parameters": parameters}}],
        tool_choice="required",
        temperature=0,
        max_tokens=60,
    )
    calls = answer.choices[0].message.tool_calls
    assert calls
    assert calls[0].type == "function"
    assert calls[0].function.name == "weather"
    assert isinstance(json.loads(calls[0].function.arguments)["town"], str)
    assert answer.choices[0].finish_reason == "tool_calls"


def test_what_the_server_finds_wrong_the_box_says_in_its_own_words(client: Any, small: Running) -> None:
    with pytest.raises(openai.BadRequestError, match=r"\d+ tokens; this model takes at most 1023"):
        client.completions.create(model="default", prompt="owl " * 3500)
    assert _info(small)["remote"]["well"]


def test_the_list_names_the_one_that_answers_first(client: Any, small: Running) -> None:
    first = client.models.list().data[0]
    assert first.owned_by == _info(small)["remote"]["server"]
    assert client.chat.completions.create(
        model=first.id, messages=[{"role": "user", "content": "Hi"}], max_tokens=1
    ).choices


def test_when_the_server_dies_the_box_answers_and_when_it_comes_back_the_server(
    client: Any, large: Running, small: Running
) -> None:
    large.stop()
    for _ in range(2):
        answer = client.chat.completions.create(
            model="default", messages=[{"role": "user", "content": "What do owls hunt?"}], **GREEDY
        )
        assert answer.choices[0].message.content
    facts = _info(small)
    assert facts["answers"] == "local"
    assert facts["ready"]
    assert "cannot be reached" in facts["state"]
    assert facts["remote"]["fallbacks"] >= 1
    assert facts["context"] == 1024
    large.start("brain", wait_for="brain")
    until(lambda: (large.answers("brain") or {}).get("ready"), 60, "the server")
    until(lambda: _info(small)["answers"] == "remote", 60, "its return")
    before = _told(large)
    client.chat.completions.create(
        model="default", messages=[{"role": "user", "content": "What do owls hunt?"}], **GREEDY
    )
    assert _told(large) > before


def test_a_wrong_address_is_said_at_the_start(tmp_path: Path) -> None:
    with Running(tmp_path, {"brain.remote": "10.0.0.5:8000"}) as misnamed:
        process = misnamed.start("brain")
        assert process.wait(30) == 1
        assert "brain.remote is no address" in (tmp_path / "brain.out").read_text()
