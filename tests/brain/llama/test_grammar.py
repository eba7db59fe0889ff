"""Grammars for what an answer must obey."""

from __future__ import annotations

import pytest

from agent.brain import Request, Tool
from agent.brain.llama.grammar import rules

SHORT = {
    "type": "object",
    "properties": {"words": {"type": "string", "maxLength": 30}},
    "required": ["words"],
}


@pytest.mark.parametrize(
    "request_",
    [
        Request(schema=SHORT),
        Request(schema={}),
        Request(schema={"type": "array", "items": {"type": "string"}}),
        Request(tools=(Tool(name="look_up", parameters=SHORT),), tool_choice="required"),
    ],
    ids=["a short text", "any object", "a list", "a tool"],
)
def test_no_text_may_hold_a_line_break_as_it_is(request_: Request) -> None:
    found = rules(request_)
    assert found
    assert r'[^"\\]' not in found.text
    assert r'[^"\\\x7F\x00-\x1F]' in found.text
