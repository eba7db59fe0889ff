"""Single fields of a JSON object from outside, checked.

Owns: the kinds of field, their limits, and the sentence for one that is wrong.
Does not know: which fields there are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from agent.errors import RequestError

MOST_CHARACTERS = 1_000_000  # of all texts of a request together; what a model takes is far less


def given(body: Mapping[str, Any], name: str) -> bool:
    """Whether the field is there; `null` is what clients send for one that is not."""
    return body.get(name) is not None


def text(body: Mapping[str, Any], name: str, *, longest: int = 1000) -> str:
    """A text; empty if there is none."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RequestError(f"{name} must be text.", param=name)
    if len(value) > longest:
        raise RequestError(f"{name} has more than {longest} characters.", param=name)
    return whole(value, name)


def flag(body: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    """True or false."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise RequestError(f"{name} must be true or false.", param=name)
    return default if value is None else value


def integer(body: Mapping[str, Any], name: str, low: int, high: int | None = None) -> int | None:
    """A whole number, or None if there is none."""
    value = body.get(name)
    if value is None:
        return None
    right = isinstance(value, int) and not isinstance(value, bool) and value >= low
    if not right or (high is not None and value > high):
        bounds = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise RequestError(f"{name} must be a whole number {bounds}.", param=name)
    return int(value)


def number(body: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    """A number."""
    value = body.get(name)
    if value is None:
        return default
    # Not-a-number fails the comparison too.
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise RequestError(f"{name} must be a number from {low} to {high}.", param=name)
    return float(value)


def mapping(value: Any, param: str) -> Mapping[str, Any]:
    """An object, or an empty one in the place of `null`."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RequestError(f"{param} must be an object.", param=param)
    return value


def listed(value: Any, param: str, *, most: int) -> list[Any]:
    """A list, or an empty one in the place of `null`."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise RequestError(f"{param} must be a list.", param=param)
    if len(value) > most:
        raise RequestError(f"{param} has more than {most} entries.", param=param)
    return value


def schema(value: Any, param: str) -> Mapping[str, Any]:
    """A JSON Schema: an object of reasonable size."""
    found = mapping(value, param)
    limit(len(whole(written(found, param), param)), param, most=MOST_CHARACTERS // 10)
    return found


def written(value: Any, param: str) -> str:
    """A part of the body as JSON text."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError) as wrong:
        raise RequestError(
            f"{param} is nested too deep, or has a number that JSON does not know.", param=param
        ) from wrong


def whole(value: str, param: str) -> str:
    """The text, known to consist of whole characters: JSON can write halves of some (`\\ud83d`), which no model can read."""
    try:
        value.encode()
    except UnicodeEncodeError as half:
        raise RequestError(
            f"{param} has half a character (U+{ord(value[half.start]):X}).", param=param
        ) from half
    return value


def limit(characters: int, param: str, *, most: int = MOST_CHARACTERS) -> None:
    """Refuses what is too long."""
    if characters > most:
        raise RequestError(f"{param} has more than {most} characters.", param=param)


def only(body: Mapping[str, Any], name: str, neutral: Iterable[Any], hint: str = "Leave it out.") -> None:
    """Refuses any value of a field that is not supported, but for those that change nothing."""
    if given(body, name) and not any(body[name] == value for value in neutral):
        raise RequestError(f"{name} is not supported with this value.", hint=hint, param=name)
