"""A client's call, read: every field is honoured, or refused by its name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.brain import Request
from agent.brain.dialect.asking import Call, read
from agent.errors import NotFoundError, RequestError

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}}
NAMES = ("tiny", "Tiny Model", "tiny.gguf")


def chat(**more: Any) -> Call:
    return read({**HELLO, **more}, chat=True, names=NAMES)


def completion(**more: Any) -> Call:
    return read({"prompt": "One, two,", **more}, chat=False, names=NAMES)


def test_what_openais_clients_send_is_understood() -> None:
    call = chat(
        model="tiny", temperature=0, top_p=0.5, max_completion_tokens=7, seed=3, stop=["a", "b"], stream=True,
        stream_options={"include_usage": True}, n=3, user="anna", logprobs=True, top_logprobs=2,
        logit_bias={"7": -100, "8": 2.5}, frequency_penalty=1, presence_penalty=-1, response_format={"type": "text"},
    )  # fmt: skip
    request = call.requests[0]
    assert (request.temperature, request.top_p, request.max_tokens, request.seed) == (0, 0.5, 7, 3)
    assert request.stop == ("a", "b")
    assert request.logprobs == 2
    assert request.logit_bias == ((7, -100.0), (8, 2.5))
    assert (request.frequency_penalty, request.presence_penalty) == (1, -1)
    assert (call.stream, call.usage, call.n, call.person) == (True, True, 3, "anna")


def test_what_gpt4alls_clients_send_is_understood() -> None:
    call = completion(
        model="tiny.gguf", top_k=5, min_p=0.1, repeat_penality=1.18, repeat_last_n=32, prompt_batch_size=128, reload=True,
        echo=True, prompt_template="### Human:\n%1\n### Assistant:\n", thread_count=4, n=1, best_of=1, max_tokens=9,
    )  # fmt: skip
    request = call.requests[0]
    assert (request.top_k, request.min_p, request.repeat_penalty, request.repeat_last_n) == (5, 0.1, 1.18, 32)
    assert (request.chunk, request.max_tokens) == (128, 9)
    assert request.prompt == "### Human:\nOne, two,\n### Assistant:\n"
    assert call.echoes == ("One, two,",)
    assert call.reload


def test_what_is_not_said_is_left_as_the_house_has_it() -> None:
    assert chat().requests == (Request(turns=chat().requests[0].turns),)
    assert completion().requests == (Request(prompt="One, two,", max_tokens=16),)
    nulls = dict.fromkeys(
        ("temperature", "top_k", "seed", "stop", "tools", "n", "user", "logprobs", "unheard_of")
    )
    assert chat(**nulls) == chat()


def test_the_right_spelling_of_a_penalty_wins() -> None:
    assert completion(repeat_penality=1.5, repeat_penalty=1.1).requests[0].repeat_penalty == 1.1


@pytest.mark.parametrize("name", [*NAMES, "", "default", None])
def test_the_model_goes_by_several_names(name: str | None) -> None:
    assert chat(model=name)


def test_another_model_is_not_silently_exchanged_for_this_one() -> None:
    with pytest.raises(NotFoundError, match="not served here"):
        chat(model="gpt-9")


def test_several_prompts_are_several_requests() -> None:
    call = completion(prompt=["a", "b"], n=2, echo=True)
    assert [request.prompt for request in call.requests] == ["a", "b"]
    assert (call.n, call.echoes) == (2, ("a", "b"))


@pytest.mark.parametrize("seed", [-1, 0, 2**32 - 1, 2**63 - 1, -(2**63)])
def test_any_seed_becomes_one_that_the_engine_takes(seed: int) -> None:
    taken = chat(seed=seed).requests[0].seed
    assert taken is not None
    assert 0 <= taken < 2**32 - 1


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, {}),
        ({"type": "json_object", "schema": SCHEMA}, SCHEMA),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}, SCHEMA),
    ],
)
def test_the_form_of_an_answer_becomes_a_schema(form: Any, schema: Any) -> None:
    assert chat(response_format=form).requests[0].schema == schema
    assert completion(response_format=form).requests[0].schema == schema


def test_what_changes_no_answer_is_accepted() -> None:
    assert chat(
        service_tier="flex", store=True, metadata={"a": "b"}, prompt_cache_key="k", safety_identifier="anna", modalities=["text"],
        functions=[], function_call="none", verbosity="medium", parallel_tool_calls=True, tool_choice="auto",
    ).person == "anna"  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"messages": []}, "messages"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": True}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"min_p": 1.5}, "min_p"),
        ({"repeat_penality": 9}, "repeat_penality"),
        ({"repeat_last_n": -2}, "repeat_last_n"),
        ({"prompt_batch_size": 0}, "prompt_batch_size"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"seed": 2**63}, "seed"),
        ({"stop": ["x"] * 9}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"stop": 3}, "stop"),
        ({"stop": "\ud83d"}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": 1}, "stream_options"),
        ({"n": 9}, "n"),
        ({"n": 0}, "n"),
        ({"model": 3}, "model"),
        ({"user": 3}, "user"),
        ({"user": "x" * 1001}, "user"),
        ({"logprobs": 3}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logit_bias": {"owl": 2}}, "logit_bias"),
        ({"logit_bias": {"1": 200}}, "1"),
        ({"logit_bias": {str(token): 1 for token in range(301)}}, "logit_bias"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": 3}}}, "response_format.json_schema.schema"),
        ({"functions": [{"name": "x"}]}, "functions"),
        ({"function_call": {"name": "x"}}, "function_call"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"best_of": 1}, "best_of"),
        ({"echo": True}, "echo"),
        ({"prompt": "x"}, "prompt"),
        ({"mirostat": 2}, "mirostat"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_chat_is_refused_and_named(wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as refused:
        chat(**wrong)
    assert refused.value.param == param
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [1, 2, 3]}, "prompt"),
        ({"prompt": ["x"] * 9}, "prompt"),
        ({"prompt": "x" * 1_000_001}, "prompt"),
        ({"prompt": "half \ud83d"}, "prompt"),
        ({"prompt": ["a", "b", "c"], "n": 3}, "n"),
        ({"n": 2, "best_of": 3}, "best_of"),
        ({"suffix": "x"}, "suffix"),
        ({"prompt_template": "no place"}, "prompt_template"),
        ({"prompt_template": "%1 and %1"}, "prompt_template"),
        ({"prompt_template": "x" * 19_000 + "%1", "prompt": "x" * 990_000}, "prompt"),
        ({"echo": True, "logprobs": 1}, "echo"),
        ({"logprobs": 21}, "logprobs"),
        ({"messages": []}, "messages"),
        ({"tools": []}, "tools"),
    ],
)
def test_what_is_wrong_in_a_completion_is_refused_and_named(wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as refused:
        completion(**wrong)
    assert refused.value.param == param


_JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
)
_FIELDS = [
    "messages", "prompt", "stop", "n", "seed", "tools", "tool_choice", "stream", "model", "top_p", "logit_bias", "logprobs",
    "response_format", "stream_options", "prompt_template", "echo", "user", "parallel_tool_calls",
]  # fmt: skip


@given(some.dictionaries(some.sampled_from(_FIELDS), _JSON))
def test_no_json_at_all_breaks_the_reader(body: dict[str, Any]) -> None:
    for is_chat in (True, False):
        try:
            read({**(HELLO if is_chat else {"prompt": "x"}), **body}, chat=is_chat, names=NAMES)
        except RequestError as refused:
            assert refused.message  # noqa: PT017 - a refusal is allowed here, anything else is not
