"""Grammars for what an answer must obey."""

from __future__ import annotations

import pytest

from agent.brain import Request, Tool
from agent.brain.llama.grammar import rules
from agent.errors import RequestError

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


NESTED = {
    "$defs": {
        "Leg": {"type": "object", "properties": {"length": {"type": "integer"}}, "required": ["length"]}
    },
    "type": "object",
    "properties": {"legs": {"type": "array", "items": {"$ref": "#/$defs/Leg"}}},
    "required": ["legs"],
}
RECURSIVE = {
    "$defs": {
        "Tree": {
            "type": "object",
            "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
        }
    },
    "$ref": "#/$defs/Tree",
}


def test_what_a_schema_defines_is_found_also_within_tools() -> None:
    for request in (
        Request(schema=NESTED),
        Request(schema=RECURSIVE),
        Request(tools=(Tool(name="build", parameters=NESTED), Tool(name="plant", parameters=RECURSIVE))),
    ):
        found = rules(request)
        assert found
        assert "Leg" in found.text or "Tree" in found.text


def test_definitions_of_one_name_in_two_tools_do_not_meet() -> None:
    other = {**NESTED, "$defs": {"Leg": {"enum": ["short", "long"]}}}
    found = rules(
        Request(tools=(Tool(name="build", parameters=NESTED), Tool(name="paint", parameters=other)))
    )
    assert found
    assert "tool0-Leg" in found.text
    assert "tool1-Leg" in found.text


def test_what_must_be_there_stays() -> None:
    found = rules(Request(schema=NESTED))
    assert found
    assert 'root ::= "{" space legs-kv "}" space' in found.text


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "maxLength": 100_000},
        {"type": "array", "items": {"type": "string"}, "maxItems": 10**9},
        {"type": "object", "properties": {"any": {"title": "Any"}, "all": True}},
        {"enum": ["a", 1, None]},
    ],
)
def test_a_grammar_stays_small(schema: dict[str, object]) -> None:
    found = rules(Request(schema=schema))
    assert found
    assert len(found.text) < 5_000


def _deep(levels: int) -> dict[str, object]:
    schema: dict[str, object] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 100_000},
        {"type": "array", "items": {"type": "string"}, "minItems": 10**9},
        {"type": "string", "pattern": "^a{100000}$"},
        {"type": "string", "pattern": "^" + "(a|b)" * 100 + "$"},
        {"type": "string", "maxLength": "many"},
        {"properties": "wrong"},
        {"$ref": "https://example.org/schema"},
        {"$ref": "#/properties/a"},
        {"$ref": "#/$defs/missing"},
        {"type": "nonsense"},
        {"properties": {"a": False}},
        {"properties": {str(number): {"type": "string"} for number in range(3_000)}},
        {"enum": ["x" * 300_000]},
        _deep(30),
    ],
    ids=lambda schema: str(schema)[:40],
)
def test_what_cannot_be_kept_is_refused_in_few_words(schema: dict[str, object]) -> None:
    with pytest.raises(RequestError) as refused:
        rules(Request(schema=schema))
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("parallel", [True, False])
def test_where_one_call_is_allowed_a_second_has_no_place(parallel: bool) -> None:
    found = rules(Request(tools=(Tool(name="look_up", parameters=SHORT),), parallel_calls=parallel))
    assert found
    root = found.text.partition("\n")[0]
    assert ("{0,3}" in root) == parallel
