"""OpenAI's JSON, read and written: what is wrong is refused by name, nothing is silently ignored."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.brain import Piece
from agent.brain.completions import Call, Writer, read
from agent.errors import NotFoundError, RequestError

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
PIECES = [
    Piece(),
    Piece(text="Good "),
    Piece(text="day"),
    Piece(finish="stop", prompt_tokens=9, reused_tokens=4, answer_tokens=2),
]


def _chat(**more: Any) -> Call:
    return read({**HELLO, **more}, chat=True, model="tiny")


def _writer(call: Call) -> Writer:
    return Writer(call=call, id="x-1", model="tiny", created=5)


def test_what_openais_clients_send_is_understood() -> None:
    call = _chat(
        model="tiny", temperature=0, top_p=0.5, max_completion_tokens=7, seed=3, stop=["a", "b"], stream=True,
        stream_options={"include_usage": True}, n=1, user="anna", logprobs=None, response_format={"type": "text"},
    )  # fmt: skip
    request = call.request
    assert (request.temperature, request.top_p, request.max_tokens, request.seed) == (0, 0.5, 7, 3)
    assert request.stop == ("a", "b")
    assert call.stream
    assert call.usage


def test_a_content_of_text_parts_is_put_together() -> None:
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    call = read({"messages": [{"role": "developer", "content": parts}]}, chat=True, model="tiny")
    assert [(turn.role, turn.text) for turn in call.request.turns] == [("system", "Hello")]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": ["Hello"]}, "messages[0]"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0]"),
        ({"messages": [{"role": "user"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": "x" * 1_000_001}]}, "messages"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": True}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"seed": -1}, "seed"),
        ({"stop": ["x"] * 9}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"stop": 3}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": 1}, "stream_options"),
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"model": 3}, "model"),
    ],
)
def test_what_is_wrong_is_refused_and_named(wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as refused:
        _chat(**wrong)
    assert refused.value.param == param
    assert refused.value.status == 400


def test_another_model_is_not_silently_exchanged_for_this_one() -> None:
    with pytest.raises(NotFoundError, match="not served here"):
        _chat(model="gpt-9")


@given(some.dictionaries(some.sampled_from(["messages", "stop", "n", "seed", "tools", "stream", "model", "top_p"]),
                         some.recursive(some.none() | some.booleans() | some.integers() | some.text(),
                                        lambda inner: some.lists(inner, max_size=3)
                                        | some.dictionaries(some.text(max_size=5), inner, max_size=3))))  # fmt: skip
def test_no_json_at_all_breaks_the_reader(body: dict[str, Any]) -> None:
    for chat in (True, False):
        try:
            read(body, chat=chat, model="tiny")
        except RequestError as refused:
            assert refused.message  # noqa: PT017 - a refusal is allowed here, anything else is not


def test_a_whole_answer_has_text_reason_and_counts() -> None:
    body = _writer(_chat()).whole(PIECES)
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "Good day"}
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["prompt_tokens"] == 9
    assert body["usage"]["total_tokens"] == 11
    assert body["usage"]["prompt_tokens_details"] == {"cached_tokens": 4}


def test_a_stream_begins_with_the_role_and_ends_with_the_counts() -> None:
    writer = _writer(_chat(stream=True, stream_options={"include_usage": True}))
    chunks = [chunk for piece in PIECES for chunk in writer.chunks(piece)]
    assert [chunk["choices"][0]["delta"] for chunk in chunks[:-1]] == [
        {"role": "assistant", "content": "Good "},
        {"content": "day"},
        {"content": ""},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None, None, "stop"]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 2
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}


def test_a_stream_tells_no_counts_unless_asked() -> None:
    writer = _writer(_chat(stream=True))
    chunks = [chunk for piece in PIECES for chunk in writer.chunks(piece)]
    assert not any("usage" in chunk for chunk in chunks)


def test_a_plain_completion_has_its_own_shape() -> None:
    call = read({"prompt": "One, two,"}, chat=False, model="tiny")
    assert call.request.prompt == "One, two,"
    body = _writer(call).whole(PIECES)
    assert body["object"] == "text_completion"
    assert body["choices"][0]["text"] == "Good day"
