"""The tools that a request offers, and which of them the model may or must call.

Owns: the fields `tools`, `tool_choice` and `parallel_tool_calls`.
Does not know: how a model is shown tools, nor what a call looks like in its answer (`calling`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agent.brain import Request, Tool
from agent.brain.dialect import fields
from agent.errors import RequestError

_MOST_TOOLS = 128
_LONGEST_DESCRIPTION = 4000
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WORDS = ("none", "auto", "required")


def with_tools(request: Request, body: Mapping[str, Any]) -> Request:
    """The request with the tools that the body offers.

    Raises:
        RequestError: A tool or the choice is wrong.
    """
    for name in ("functions", "function_call"):
        fields.only(body, name, ([], "none", "auto"), hint="Use tools and tool_choice.")
    offered = _tools(body.get("tools"))
    offered, choice = _choice(body.get("tool_choice"), offered)
    if offered and choice == "auto" and request.schema is not None:
        raise RequestError(
            "response_format is not supported beside tools that may be called or not.",
            hint="Set tool_choice to required or none, or leave response_format out.",
            param="response_format",
        )
    parallel = fields.flag(body, "parallel_tool_calls", default=True)
    return replace(request, tools=offered, tool_choice=choice, parallel_calls=parallel)


def _tools(value: Any) -> tuple[Tool, ...]:
    found = fields.listed(value, "tools", most=_MOST_TOOLS)
    tools = tuple(_tool(each, f"tools[{index}]") for index, each in enumerate(found))
    fields.limit(sum(len(str(tool)) for tool in tools), "tools", most=fields.MOST_CHARACTERS // 5)
    if len({tool.name for tool in tools}) < len(tools):
        raise RequestError("Two tools have the same name.", param="tools")
    return tools


def _tool(value: Any, param: str) -> Tool:
    tool = fields.mapping(value, param)
    if tool.get("type") != "function":
        raise RequestError(f"{param} is not of type function; others are not supported.", param=param)
    function = fields.mapping(tool.get("function"), f"{param}.function")
    name = _name(function, param)
    return Tool(
        name=name,
        description=fields.text(function, "description", longest=_LONGEST_DESCRIPTION),
        parameters=fields.schema(function.get("parameters"), f"{param}.function.parameters"),
    )


def _name(function: Mapping[str, Any], param: str) -> str:
    name = fields.text(function, "name")
    if not _NAME.fullmatch(name) or name in _WORDS:
        raise RequestError(
            f"{param}.function.name must be of 1 to 64 letters, digits, _ and -, and none of {', '.join(_WORDS)}.",
            param=param,
        )
    return name


def _choice(value: Any, offered: tuple[Tool, ...]) -> tuple[tuple[Tool, ...], str]:
    if isinstance(value, Mapping) and value.get("type") == "allowed_tools":
        allowed = fields.mapping(value.get("allowed_tools"), "tool_choice.allowed_tools")
        names = {
            _chosen(each, offered)
            for each in fields.listed(allowed.get("tools"), "tool_choice", most=_MOST_TOOLS)
        }
        offered = tuple(tool for tool in offered if tool.name in names)
        value = allowed.get("mode")
    if value is None:
        value = "auto"
    if isinstance(value, Mapping):
        return offered, _chosen(value, offered)
    if value not in _WORDS:
        raise RequestError(
            "tool_choice must be none, auto, required, or name one of the tools.", param="tool_choice"
        )
    if value == "required" and not offered:
        raise RequestError("tool_choice is required, but there are no tools.", param="tool_choice")
    return offered, value


def _chosen(value: Any, offered: tuple[Tool, ...]) -> str:
    function = fields.mapping(fields.mapping(value, "tool_choice").get("function"), "tool_choice.function")
    name = fields.text(function, "name")
    if name not in {tool.name for tool in offered}:
        raise RequestError(f"tool_choice names {name!r}, which is none of the tools.", param="tool_choice")
    return name
