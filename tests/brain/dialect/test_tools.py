"""The tools that a request offers, read."""

from __future__ import annotations

from typing import Any

import pytest

from agent.brain import Request, Tool
from agent.brain.dialect.tools import with_tools
from agent.errors import RequestError

SCHEMA = {"type": "object", "properties": {"place": {"type": "string"}}}


def tool(name: str = "weather", **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **more}}


def test_tools_and_the_choice_are_understood() -> None:
    offered = [tool(description="Tells it.", parameters=SCHEMA, strict=True), tool("clock")]
    request = with_tools(Request(), {"tools": offered})
    assert request.tools == (
        Tool(name="weather", description="Tells it.", parameters=SCHEMA),
        Tool(name="clock"),
    )
    assert request.tool_choice == "auto"


@pytest.mark.parametrize(
    ("choice", "understood"),
    [
        (None, "auto"),
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "clock"}}, "clock"),
    ],
)
def test_each_choice_is_understood(choice: Any, understood: str) -> None:
    request = with_tools(Request(), {"tools": [tool(), tool("clock")], "tool_choice": choice})
    assert request.tool_choice == understood


def test_only_the_allowed_of_the_tools_are_left() -> None:
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("clock")]}}
    request = with_tools(Request(), {"tools": [tool(), tool("clock")], "tool_choice": allowed})
    assert (request.tools, request.tool_choice) == ((Tool(name="clock"),), "required")


def test_one_call_at_a_time_is_understood() -> None:
    request = with_tools(Request(stop=("x",)), {"tools": [tool()], "parallel_tool_calls": False})
    assert (request.parallel_calls, request.stop) == (False, ("x",))
    assert with_tools(Request(), {"tools": [tool()]}).parallel_calls


def test_a_form_of_the_answer_beside_tools_that_must_be_called_is_no_contradiction() -> None:
    body = {"tools": [tool()], "tool_choice": "required"}
    assert with_tools(Request(schema={}), body).tool_choice == "required"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": "weather"}, "tools"),
        ({"tools": [tool(f"t{number}") for number in range(129)]}, "tools"),
        ({"tools": [3]}, "tools[0]"),
        ({"tools": [{"type": "custom"}]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tools": [tool("two words")]}, "tools[0]"),
        ({"tools": [tool("none")]}, "tools[0]"),
        ({"tools": [tool("x" * 65)]}, "tools[0]"),
        ({"tools": [tool(), tool()]}, "tools"),
        ({"tools": [tool(description=3)]}, "description"),
        ({"tools": [tool(parameters=[])]}, "tools[0].function.parameters"),
        ({"tools": [tool(parameters={"a": float("nan")})]}, "tools[0].function.parameters"),
        ({"tools": [tool(parameters={"a": "x" * 100_001})]}, "tools[0].function.parameters"),
        ({"tools": [tool()], "tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [tool()], "tool_choice": {"type": "function", "function": {"name": "clock"}}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"functions": [{"name": "x"}]}, "functions"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_and_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as refused:
        with_tools(Request(), body)
    assert refused.value.param == param


def test_a_form_that_could_not_be_kept_beside_tools_is_refused() -> None:
    with pytest.raises(RequestError) as refused:
        with_tools(Request(schema={}), {"tools": [tool()]})
    assert refused.value.param == "response_format"
