"""The answers to a call, written in OpenAI's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.brain import Piece, Token
from agent.brain.dialect.asking import Call, read
from agent.brain.dialect.writing import Writer

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
TOOL = {"type": "function", "function": {"name": "weather"}}
END = Piece(finish="stop", prompt_tokens=9, reused_tokens=4, answer_tokens=2)
PIECES = [Piece(), Piece(text="Good "), Piece(text="day"), END]
CALL = '<tool_call>\n{"name": "weather", "arguments": {"place": "Oslo"}}\n</tool_call>'


def chat(**more: Any) -> Writer:
    return _writer(read({**HELLO, **more}, chat=True, names=("tiny",)))


def completion(**more: Any) -> Writer:
    return _writer(read({"prompt": "One, two,", **more}, chat=False, names=("tiny",)))


def _writer(call: Call) -> Writer:
    return Writer(call=call, id="x-1", model="tiny", created=5)


def streamed(writer: Writer, pieces: list[Piece]) -> list[dict[str, Any]]:
    return [chunk for piece in pieces for chunk in writer.chunks(0, piece)]


def test_a_whole_answer_has_text_reason_and_counts() -> None:
    body = chat().whole([PIECES])
    assert body["choices"] == [
        {
            "index": 0,
            "finish_reason": "stop",
            "logprobs": None,
            "message": {"role": "assistant", "content": "Good day", "refusal": None},
        }
    ]
    assert body["usage"] == {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 4},
    }


def test_a_stream_begins_with_the_role_and_ends_with_the_counts() -> None:
    writer = chat(stream=True, stream_options={"include_usage": True})
    chunks = writer.begin() + streamed(writer, PIECES)
    assert [chunk["choices"][0]["delta"] for chunk in chunks[:-1]] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "Good "},
        {"content": "day"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None, None, None, "stop"]
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * 4
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 2
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert writer.finished


def test_a_stream_tells_no_counts_unless_asked() -> None:
    assert not any("usage" in chunk for chunk in streamed(chat(stream=True), PIECES))


def test_a_plain_completion_has_its_own_shape() -> None:
    body = completion().whole([PIECES])
    assert body["object"] == "text_completion"
    assert body["choices"][0]["text"] == "Good day"
    writer = completion(stream=True)
    assert writer.begin() == []
    assert [chunk["choices"][0]["text"] for chunk in streamed(writer, PIECES)] == ["Good ", "day", ""]


def test_an_echo_stands_before_the_answer() -> None:
    assert completion(echo=True).whole([PIECES])["choices"][0]["text"] == "One, two,Good day"
    writer = completion(echo=True, stream=True)
    assert writer.begin()[0]["choices"][0]["text"] == "One, two,"


def test_several_answers_are_told_apart_and_their_prompt_counts_once() -> None:
    writer = completion(prompt=["a", "b"], n=2)
    body = writer.whole([[Piece(text=str(number)), END] for number in range(4)])
    assert [(choice["index"], choice["text"]) for choice in body["choices"]] == [
        (0, "0"),
        (1, "1"),
        (2, "2"),
        (3, "3"),
    ]
    assert (body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"]) == (18, 8)


def test_the_counts_come_when_the_last_of_several_answers_has_ended() -> None:
    writer = chat(n=2, stream=True, stream_options={"include_usage": True})
    assert len(writer.begin()) == 2
    assert [chunk["choices"][0]["index"] for chunk in writer.chunks(1, END)] == [1]
    assert not writer.finished
    assert writer.chunks(0, END)[-1]["usage"]["completion_tokens"] == 4
    assert writer.finished


@pytest.mark.parametrize("parallel", [True, False])
def test_where_one_call_is_allowed_others_are_left_out(parallel: bool) -> None:
    pieces = [Piece(text=f"{CALL}\n"), Piece(text=f"{CALL}\n{CALL}"), END]
    wanted = {"tools": [TOOL], "parallel_tool_calls": parallel}
    message = chat(**wanted).whole([pieces])["choices"][0]["message"]
    assert len(message["tool_calls"]) == (3 if parallel else 1)
    deltas = [chunk["choices"][0]["delta"] for chunk in streamed(chat(stream=True, **wanted), pieces)]
    assert sum(len(delta.get("tool_calls", ())) for delta in deltas) == (3 if parallel else 1)


def test_calls_are_told_apart_from_text() -> None:
    choice = chat(tools=[TOOL]).whole([[Piece(text=f"I look.\n{CALL}"), END]])["choices"][0]
    assert choice["message"]["content"] == "I look."
    [call] = choice["message"]["tool_calls"]
    assert call["type"] == "function"
    assert call["id"].startswith("call_")
    assert call["function"] == {"name": "weather", "arguments": '{"place": "Oslo"}'}
    assert choice["finish_reason"] == "tool_calls"


def test_an_answer_of_calls_alone_has_no_text() -> None:
    message = chat(tools=[TOOL]).whole([[Piece(text=f"{CALL}\n{CALL}"), END]])["choices"][0]["message"]
    assert message["content"] is None
    assert len({call["id"] for call in message["tool_calls"]}) == 2


def test_in_a_stream_each_call_is_one_delta() -> None:
    writer = chat(tools=[TOOL], stream=True)
    pieces = [Piece(text=letter) for letter in f"{CALL}\n{CALL}"]
    deltas = [chunk["choices"][0]["delta"] for chunk in streamed(writer, [*pieces, END])]
    assert [[call["index"] for call in delta["tool_calls"]] for delta in deltas[:-1]] == [[0], [1]]
    assert deltas[-1] == {}
    assert streamed(chat(stream=True), [Piece(text=CALL)])[0]["choices"][0]["delta"]["content"] == CALL


def test_the_end_of_a_chat_comes_alone() -> None:
    last = Piece(text=f"I look. {CALL}", finish="stop")
    chunks = streamed(chat(tools=[TOOL], stream=True), [last])
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, "tool_calls"]
    assert chunks[1]["choices"][0]["delta"] == {}


def test_an_answer_cut_short_by_a_limit_says_so_and_its_text_is_there() -> None:
    end = Piece(finish="length")
    choice = chat(tools=[TOOL]).whole([[Piece(text=CALL[:30]), end]])["choices"][0]
    assert choice["message"]["content"] == CALL[:30]
    assert choice["finish_reason"] == "length"


def test_likelihoods_are_told_as_each_route_has_them() -> None:
    euro = "€".encode()
    tokens = (
        Token(data=b"a", logprob=-0.5, likeliest=((b"a", -0.5), (b"b", float("-inf")))),
        Token(data=euro[:1], logprob=-1.0, likeliest=((b"c", -0.1),)),
        Token(data=euro[1:], logprob=-2.0),
        Token(data=b"d", logprob=-3.0),
    )
    pieces = [
        Piece(text="a", tokens=tokens[:1]),
        Piece(tokens=tokens[1:2]),
        Piece(text="€d", tokens=tokens[2:]),
        END,
    ]

    chatted = chat(logprobs=True, top_logprobs=2).whole([pieces])["choices"][0]["logprobs"]["content"]
    assert [row["token"] for row in chatted] == ["a", "\ufffd", "\ufffd\ufffd", "d"]
    assert chatted[0]["top_logprobs"][1] == {"token": "b", "logprob": -9999.0, "bytes": [98]}
    assert bytes(byte for row in chatted for byte in row["bytes"]).decode() == "a€d"

    told = completion(logprobs=2).whole([pieces])["choices"][0]["logprobs"]
    assert told["tokens"] == ["a", "bytes:\\xe2", "bytes:\\x82\\xac", "d"]
    assert told["token_logprobs"] == [-0.5, -1.0, -2.0, -3.0]
    assert told["text_offset"] == [0, 1, 1, 2]
    assert told["top_logprobs"][1] == {"c": -0.1, "bytes:\\xe2": -1.0}
    assert completion(logprobs=0).whole([pieces])["choices"][0]["logprobs"]["top_logprobs"] is None
    json.dumps([chatted, told], allow_nan=False)

    writer = completion(logprobs=0, stream=True)
    parts = [chunk["choices"][0]["logprobs"] for chunk in streamed(writer, pieces)]
    assert [part["text_offset"] for part in parts[:-1]] == [[0], [1], [1, 2]]
    assert parts[-1] is None
