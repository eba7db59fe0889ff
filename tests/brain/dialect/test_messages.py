"""The turns of a chat, read."""

from __future__ import annotations

from typing import Any

import pytest

from agent.brain import ToolCall, Turn
from agent.brain.dialect.messages import turns
from agent.errors import RequestError

ASKED = {"role": "user", "content": "Is it warm?"}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"place":"Oslo"}'}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "Snow"}


def test_a_content_of_text_parts_is_put_together() -> None:
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    assert turns([{"role": "developer", "content": parts}]) == (Turn(role="system", text="Hello"),)


def test_calls_and_their_results_are_understood() -> None:
    call = ToolCall(id="c1", name="weather", arguments='{"place":"Oslo"}')
    assert turns([ASKED, CALLED, RESULT])[1:] == (
        Turn(role="assistant", text="", calls=(call,)),
        Turn(role="tool", text="Snow", call_id="c1"),
    )


def test_an_answer_of_ours_can_be_sent_back_as_the_client_has_it() -> None:
    ours = {"role": "assistant", "content": "Yes.", "refusal": None, "annotations": None, "audio": None,
            "function_call": None, "tool_calls": None}  # fmt: skip
    assert turns([ASKED, ours])[1] == Turn(role="assistant", text="Yes.")


def called(**change: Any) -> list[dict[str, Any]]:
    return [ASKED, {**CALLED, "tool_calls": [{**CALL, "function": {**CALL["function"], **change}}]}]  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        (None, "messages"),
        ([], "messages"),
        ("Hello", "messages"),
        ([ASKED] * 1001, "messages"),
        (["Hello"], "messages[0]"),
        ([{"role": "robot", "content": "x"}], "messages[0]"),
        ([{"role": "function", "name": "x", "content": "x"}], "messages[0]"),
        ([{"role": "user"}], "messages[0]"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "messages[0]"),
        ([{"role": "user", "content": "half \udc00"}], "messages[0]"),
        ([{"role": "user", "content": "x" * 1_000_001}], "messages"),
        ([{**ASKED, "role": "assistant", "function_call": {"name": "x"}}], "function_call"),
        ([ASKED, RESULT], "messages[1]"),
        ([ASKED, CALLED, {"role": "tool", "content": "Snow"}], "messages[2]"),
        (called(name=""), "messages[1].tool_calls[0]"),
        (called(arguments="{"), "messages[1].tool_calls[0]"),
        (called(arguments="[1]"), "messages[1].tool_calls[0]"),
        (called(arguments={"a": 1}), "messages[1].tool_calls[0]"),
        (called(arguments="[" * 100_000), "messages[1].tool_calls[0]"),
        ([{**CALLED, "tool_calls": [3]}], "messages[0].tool_calls[0]"),
        ([{**CALLED, "tool_calls": 3}], "messages[0].tool_calls"),
        ([{**CALLED, "tool_calls": []}], "messages[0]"),
    ],
)
def test_what_is_wrong_is_refused_and_named(messages: Any, param: str) -> None:
    with pytest.raises(RequestError) as refused:
        turns(messages)
    assert refused.value.param == param
