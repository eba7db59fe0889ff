"""What an answer must obey: the grammar for a JSON Schema, and for calls of tools.

Owns: turning both into GBNF, llama.cpp's language of grammars.
Does not know: sampling, or how calls are read out of an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llama_cpp.llama_grammar import json_schema_to_gbnf

from agent.brain import Request, Tool
from agent.brain.llama.schema import Rewriting
from agent.errors import RequestError

_LONGEST_GRAMMAR = 262_144  # characters
_LONGEST_REASON = 120
_MOST_CALLS = 4  # of one answer; a small model would go on for ever
# The library's converter lets a text hold line breaks and other control characters as they are, which is not JSON.
_ANY_CHARACTER, _ANY_OF_JSON = r'[^"\\]', r'[^"\\\x7F\x00-\x1F]'
_BEGIN = "<tool_call>"
_END = "</tool_call>"


@dataclass(frozen=True)
class Rules:
    """A grammar's text, and from where on it holds."""

    text: str
    trigger: str = ""  # the text after which it holds; empty: from the beginning
    param: str = "response_format"  # the field that asks for it, for the words of errors


def rules(request: Request) -> Rules | None:
    """What the answer to this request must obey; None if it is free.

    Raises:
        RequestError: A schema cannot be turned into a grammar, or the tool that must be called is not there.
    """
    if request.tools and request.tool_choice != "none":
        return _calls(request)
    if request.schema is not None:
        rewriting = Rewriting("response_format")
        schema = rewriting.take(request.schema or {"type": "object"}, "own-")
        return Rules(_converted(schema, rewriting, "response_format"))
    return None


def _calls(request: Request) -> Rules:
    free = request.tool_choice == "auto"
    tools = [tool for tool in request.tools if request.tool_choice in ("auto", "required", tool.name)]
    if not tools:
        raise RequestError(f"There is no tool {request.tool_choice!r}.", param="tool_choice")
    rewriting = Rewriting("tools")
    schema = {"oneOf": [_call(tool, rewriting, f"tool{number}-") for number, tool in enumerate(tools)]}
    call = re.sub(r"^root ::=", "call ::=", _converted(schema, rewriting, "tools"), flags=re.MULTILINE)
    first = rf'"\n" call "\n{_END}"'
    again = rf'"\n{_BEGIN}\n" call "\n{_END}"'
    if free:
        more = f" ({again}){{0,{_MOST_CALLS - 1}}}" if request.parallel_calls else ""
        root = f"root ::= {first}{more}"
        return Rules(f"{root}\n{call}", trigger=_BEGIN, param="tools")
    return Rules(f'root ::= "{_BEGIN}" {first}\n{call}', param="tools")


def _call(tool: Tool, rewriting: Rewriting, prefix: str) -> dict[str, Any]:
    arguments = rewriting.take(tool.parameters or {"type": "object"}, prefix)
    return {
        "type": "object",
        "properties": {"name": {"const": tool.name}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _converted(schema: Mapping[str, Any], rewriting: Rewriting, param: str) -> str:
    # A reference at the root would keep the converter from looking at what is defined beside it.
    whole = {"anyOf": [schema]} if "$ref" in schema else dict(schema)
    try:
        grammar = str(json_schema_to_gbnf(json.dumps({**whole, "$defs": rewriting.definitions})))
    except Exception as refused:  # the converter asserts, and falls over what it does not know
        raise RequestError(
            f"This schema cannot be turned into a grammar: {str(refused)[:_LONGEST_REASON]}.",
            hint="Make it simpler.",
            param=param,
        ) from refused
    if len(grammar) > _LONGEST_GRAMMAR:
        raise RequestError("This schema is too large.", hint="Make it simpler.", param=param)
    return grammar.replace(_ANY_CHARACTER, _ANY_OF_JSON)
