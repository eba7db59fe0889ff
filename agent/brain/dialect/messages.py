"""The turns of a chat, read.

Owns: the roles, the forms that a turn's content and its calls may have, and their limits.
Does not know: how a model is shown them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agent.brain import ToolCall, Turn
from agent.brain.dialect import fields
from agent.errors import RequestError

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_MOST_TURNS = 1000
_MOST_CALLS = 64  # in one turn


def turns(messages: Any) -> tuple[Turn, ...]:
    """The turns of `messages`.

    Raises:
        RequestError: One is wrong; `param` says which.
    """
    if not isinstance(messages, list) or not messages:
        raise RequestError("messages must be a list of turns, with at least one.", param="messages")
    if len(messages) > _MOST_TURNS:
        raise RequestError(f"There are more than {_MOST_TURNS} messages.", param="messages")
    read = tuple(_turn(message, f"messages[{index}]") for index, message in enumerate(messages))
    called = sum(len(call.name) + len(call.arguments) for turn in read for call in turn.calls)
    fields.limit(called + sum(len(turn.text) for turn in read), "messages")
    _match_results(read)
    return read


def _turn(message: Any, param: str) -> Turn:
    if not isinstance(message, Mapping):
        raise RequestError(f"{param} must be an object with role and content.", param=param)
    role = _ROLES.get(str(message.get("role")))
    if role is None:
        raise RequestError(
            f"{param} has the role {str(message.get('role'))[:40]!r}.",
            hint="Use system, user, assistant or tool.",
            param=param,
        )
    for name in ("function_call", "audio"):
        fields.only(message, name, (), hint="Use tool_calls." if name == "function_call" else "Leave it out.")
    calls = _calls(message.get("tool_calls"), f"{param}.tool_calls") if role == "assistant" else ()
    content = message.get("content")
    said = "" if content is None and calls else _content(content, param)
    return Turn(role=role, text=said, calls=calls, call_id=_call_id(message, param) if role == "tool" else "")


def _content(content: Any, param: str) -> str:
    if isinstance(content, str):
        return fields.whole(content, param)
    parts = content if isinstance(content, list) else [None]
    texts = [part.get("text") for part in parts if isinstance(part, Mapping) and part.get("type") == "text"]
    if len(texts) != len(parts) or not all(isinstance(text, str) for text in texts):
        raise RequestError(f"{param}.content must be text, or a list of parts of type text.", param=param)
    return fields.whole("".join(str(text) for text in texts), param)


def _calls(calls: Any, param: str) -> tuple[ToolCall, ...]:
    found = fields.listed(calls, param, most=_MOST_CALLS)
    return tuple(_call(call, f"{param}[{index}]") for index, call in enumerate(found))


def _call(call: Any, param: str) -> ToolCall:
    function = fields.mapping(fields.mapping(call, param).get("function"), f"{param}.function")
    name, arguments = fields.text(function, "name", longest=64), function.get("arguments")
    if not name or not isinstance(arguments, str) or not _is_object(arguments):
        raise RequestError(
            f"{param} must have function.name, and function.arguments as the text of a JSON object.",
            param=param,
        )
    return ToolCall(id=fields.text(call, "id"), name=name, arguments=fields.whole(arguments, param))


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _call_id(message: Mapping[str, Any], param: str) -> str:
    found = fields.text(message, "tool_call_id")
    if not found:
        raise RequestError(f"{param} must say with tool_call_id which call it answers.", param=param)
    return found


def _match_results(read: tuple[Turn, ...]) -> None:
    called: set[str] = set()
    for index, turn in enumerate(read):
        called.update(call.id for call in turn.calls)
        if turn.role == "tool" and turn.call_id not in called:
            raise RequestError(
                f"messages[{index}] answers a call that no assistant's turn before it has made.",
                hint="Put the assistant's turn with these tool_calls before it.",
                param=f"messages[{index}]",
            )
