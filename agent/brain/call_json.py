"""The JSON of one call of a tool, read out of what a model wrote. Pure.

Owns: which forms of it are understood.
Does not know: what stands around it in the answer (`calling`, `untagged`).
"""

from __future__ import annotations

import json
import re
from typing import Any

# How models write a call, up to the arguments.
_USUAL = re.compile(r'\s*\{\s*"name"\s*:\s*"(?:[^"\\]|\\.)*"\s*,\s*"arguments"\s*:\s*(?=\{)')


class BrokenError(Exception):
    """The text is no call."""

    def __init__(self, *, unfinished: bool = False, in_string: bool = False) -> None:
        """Args say whether it could be the beginning of one, and whether that ends within a string."""
        super().__init__("no call")
        self.unfinished = unfinished or in_string
        self.in_string = in_string


def read(text: str, *, marked: bool = True) -> tuple[str, str]:
    """Name and arguments of the call that the text is, the latter as JSON.

    Args:
        text: What stands where a call may stand.
        marked: Marks say that it is one. Else it must have a call's two fields and no others: an answer may be JSON with a name.

    Raises:
        BrokenError: It is none.
    """
    try:
        found = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as broken:
        in_string = broken.msg.startswith("Unterminated string")
        raise BrokenError(unfinished=broken.pos >= len(text.rstrip()), in_string=in_string) from broken
    except (ValueError, RecursionError) as broken:
        raise BrokenError from broken
    name = found.get("name") if isinstance(found, dict) else None
    arguments = _arguments(found, marked=marked) if isinstance(name, str) and name else None
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise BrokenError
    return name, _as_written(text, arguments) or json.dumps(arguments, ensure_ascii=False)


def _arguments(found: dict[str, Any], *, marked: bool) -> Any:
    if marked and found.keys() == {"name"}:
        return {}  # nothing but a name calls a tool that takes nothing
    if not marked and found.keys() != {"name", "arguments"}:
        return None
    arguments = found.get("arguments")
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments, parse_constant=_refuse)  # some models write the object as a string
    except (ValueError, RecursionError) as broken:
        raise BrokenError from broken


def _as_written(text: str, arguments: dict[str, Any]) -> str:
    """The arguments letter by letter, so that the next turn's prompt begins just as this answer did; empty if they stand unusually."""
    usual = _USUAL.match(text)
    if not usual:
        return ""
    found, end = json.JSONDecoder().raw_decode(text, usual.end())
    return text[usual.end() : end] if found == arguments and text[end:].strip() == "}" else ""


def _refuse(constant: str) -> None:
    raise ValueError(f"JSON has no {constant}")
