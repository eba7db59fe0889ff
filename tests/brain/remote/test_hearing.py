"""A server's stream, read: text, calls in our own form, likelihoods, counts; and what is no stream is said to be none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as any_

from agent.brain import Piece
from agent.brain.calling import CallReader
from agent.brain.remote.hearing import Hearing, Lines
from agent.errors import ModelError
from tests.fakes.openai_server import said


def _heard(*chunks: Any) -> list[Piece]:
    hearing = Hearing(1000)
    pieces = [hearing.push(f"data: {json.dumps(chunk)}") for chunk in chunks]
    return [*(piece for piece in pieces if piece), hearing.end()]


def _delta(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}


def _call(index: int, name: str | None, arguments: str) -> dict[str, Any]:
    return _delta(
        tool_calls=[{"index": index, "id": "x", "function": {"name": name, "arguments": arguments}}]
    )


END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}


@given(any_.binary(max_size=200), any_.integers(1, 7))
def test_lines_are_the_same_however_they_come(data: bytes, size: int) -> None:
    lines, found = Lines(), list[str]()
    for begin in range(0, len(data), size):
        found += lines.push(data[begin : begin + size])
    assert found == Lines().push(data)


def test_a_line_without_end_is_refused() -> None:
    lines = Lines()
    with pytest.raises(ModelError, match="no stream of events"):
        for _ in range(50):
            lines.push(b"x" * 100_000)


def test_text_and_counts() -> None:
    usage = {"prompt_tokens": 12, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 8}}
    pieces = _heard(*said("Owls ", "hunt.", usage=usage))
    assert "".join(piece.text for piece in pieces) == "Owls hunt."
    last = pieces[-1]
    assert (last.finish, last.prompt_tokens, last.reused_tokens, last.answer_tokens) == ("stop", 12, 8, 5)


def test_a_server_that_does_not_count_is_counted_by_its_pieces() -> None:
    assert _heard(*said("Owls ", "hunt ", "mice."))[-1].answer_tokens == 3


def test_what_a_limit_cut_short_says_so() -> None:
    assert _heard(*said("Owls", finish="length"))[-1].finish == "length"


@pytest.mark.parametrize(("field", "counted"), [("content", 3), ("reasoning", 0)])
def test_an_answer_without_end_is_ended(field: str, counted: int) -> None:
    hearing = Hearing(3)
    for _ in range(3):
        assert not hearing.ended
        hearing.push(f"data: {json.dumps(_delta(**{field: 'on '}))}")
    assert hearing.ended
    assert (hearing.end().finish, hearing.end().answer_tokens) == ("length", counted)


def test_what_it_thinks_to_itself_is_no_answer() -> None:
    assert _heard(_delta(reasoning_content="Hm."), _delta(reasoning="Hm."), *said("Yes."))[0].text == "Yes."


def test_calls_come_in_the_contracts_own_form() -> None:
    pieces = _heard(
        _delta(content="Let me look."), _call(0, "clock", ""), _call(0, None, '{"zone": '), _call(0, None, '"UTC"}'),
        _call(1, "stop", ""), END,
    )  # fmt: skip
    shown, calls = CallReader("call").push("".join(piece.text for piece in pieces), last=True)
    assert shown.strip() == "Let me look."
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [
        ("clock", {"zone": "UTC"}),
        ("stop", {}),
    ]
    assert pieces[-1].finish == "stop"


@pytest.mark.parametrize("arguments", ['{"zone": ', "[1]", '"text"'])
def test_a_call_with_arguments_that_are_none_is_an_error(arguments: str) -> None:
    with pytest.raises(ModelError):
        _heard(_call(0, "clock", arguments), END)


@pytest.mark.parametrize("arguments", ["", '{"zone": "U'])
def test_a_call_that_a_limit_cut_short_stays_text(arguments: str) -> None:
    cut = {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}
    pieces = _heard(_call(0, "stop", ""), _call(1, "clock", arguments), cut)
    shown, calls = CallReader("call").push("".join(piece.text for piece in pieces), last=True)
    assert [(call.name, call.arguments) for call in calls] == [("stop", "{}")]
    assert shown == f'<tool_call>\n{{"name": "clock", "arguments": {arguments}'
    assert pieces[-1].finish == "length"


def test_a_call_that_does_not_end_is_refused() -> None:
    hearing = Hearing(1000)
    with pytest.raises(ModelError, match="does not end"):
        for _ in range(30):
            hearing.push(f"data: {json.dumps(_call(0, 'clock', 'x' * 100_000))}")


def test_likelihoods_of_a_chat_and_of_a_completion() -> None:
    chat = {
        "content": [
            {
                "token": "Ow",
                "logprob": -0.5,
                "bytes": [79, 119],
                "top_logprobs": [{"token": "Ow", "logprob": -0.5}],
            }
        ]
    }
    pieces = _heard({"choices": [{"index": 0, "delta": {"content": "Ow"}, "logprobs": chat}]}, END)
    assert (pieces[0].tokens[0].data, pieces[0].tokens[0].logprob) == (b"Ow", -0.5)
    assert pieces[0].tokens[0].likeliest == ((b"Ow", -0.5),)
    plain = {"tokens": ["Ow", "ls"], "token_logprobs": [-1, -2], "top_logprobs": [{"Ow": -1}, {"ls": -2}]}
    pieces = _heard({"choices": [{"index": 0, "text": "Owls", "logprobs": plain}]}, END)
    assert [(token.data, token.logprob) for token in pieces[0].tokens] == [(b"Ow", -1), (b"ls", -2)]


@pytest.mark.parametrize(
    "line",
    [
        "data: {", "data: []", 'data: {"choices": 7}', 'data: {"choices": [7]}', 'data: {"choices": {"a": 1}}',
        'data: {"choices": [{"delta": {"content": 7}}]}', 'data: {"choices": [{"delta": {"tool_calls": [7]}}]}',
        'data: {"choices": [{"delta": {"tool_calls": [{"index": 1e999}]}}]}', 'data: {"error": {"message": "No."}}',
        'data: {"error": "No."}', "data: <html>", 'data: {"choices": [{"delta": {}, "logprobs": {"content": [{}]}}]}',
        f"data: {'[' * 100_000}",
    ],
)  # fmt: skip
def test_what_is_no_answer_is_said(line: str) -> None:
    with pytest.raises(ModelError):
        Hearing(1000).push(line)


@given(any_.text(max_size=100))
def test_whatever_comes_it_raises_nothing_else(text: str) -> None:
    hearing = Hearing(1000)
    try:
        hearing.push(f"data: {text}")
        hearing.push(text)
    except ModelError:
        pass


def test_comments_and_other_lines_are_nothing() -> None:
    assert [
        Hearing(1000).push(line) for line in ("", ": ping", "event: message", "id: 7", "data: [DONE]")
    ] == [None] * 5


def test_an_answer_without_end_is_one_that_broke_off() -> None:
    with pytest.raises(ModelError, match="broke off"):
        _heard(_delta(content="Owls"))
