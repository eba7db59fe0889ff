"""What is wrong with what a client of the soak test got.

Owns: the form of answers, streams and errors, and the comparison with the right answer.
Does not know: sockets, or the process that answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.brain.soaking.conduct import Outcome
from tests.brain.soaking.reference import Expected
from tests.brain.soaking.wishes import Wish

UNCLEAN, WRONG, LOST = "unclean error", "wrong answer", "no answer"
_ERROR_FIELDS = {"message", "type", "param", "code"}


def judge(wish: Wish, outcome: Outcome, expected: Mapping[str, Expected]) -> list[tuple[str, str]]:
    """What is wrong, each with its kind; empty if nothing is."""
    if wish.hang_up:
        return []
    found = [(UNCLEAN, said) for kind, body in outcome.refusals if (said := unclean(kind, body))]
    if outcome.trouble:
        return [*found, (LOST, outcome.trouble)]
    if outcome.status not in wish.statuses:
        return [*found, (LOST, f"status {outcome.status}: {outcome.body[:200]!r}")]
    if outcome.status >= 400:
        said = unclean(outcome.kind, outcome.body)
        return [*found, (UNCLEAN, said)] if said else found
    try:
        texts = _streamed(outcome) if wish.stream else _whole(wish, outcome)
    except (ValueError, KeyError, IndexError, TypeError) as broken:
        return [*found, (WRONG, f"{type(broken).__name__} {broken}: {outcome.body[:300]!r}")]
    return found + [(WRONG, said) for text in texts if (said := _wrong(wish, text, expected))]


def unclean(kind: str, body: bytes) -> str:
    """What is wrong with an error's body."""
    try:
        error = json.loads(body)["error"]
        if kind != "application/json" or _ERROR_FIELDS - set(error) or not error["message"]:
            return f"{kind}: {body[:200]!r}"
    except (ValueError, KeyError, TypeError):
        return f"{kind}: {body[:200]!r}"
    return "" if len(body) < 5_000 else f"an error of {len(body)} bytes"


def _whole(wish: Wish, outcome: Outcome) -> list[str]:
    choices = outcome.json["choices"]
    if [choice["index"] for choice in choices] != list(range(wish.answers)):
        raise ValueError(f"{len(choices)} answers")
    return [_text(wish, choice) for choice in choices]


def _text(wish: Wish, choice: Mapping[str, Any]) -> str:
    if wish.calls:
        call = choice["message"]["tool_calls"][0]["function"]
        return str(json.loads(call["arguments"])["words"])
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    if not isinstance(text, str) or not choice["finish_reason"]:
        raise ValueError(f"text {text!r}")
    return text


def _streamed(outcome: Outcome) -> list[str]:
    *events, last = outcome.events()
    if last != "[DONE]":
        raise ValueError("the stream does not end")
    chunks = [json.loads(event) for event in events]
    if any("error" in chunk for chunk in chunks):
        raise ValueError("an error in the stream")
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    if not any(chunk.get("usage") for chunk in chunks) or not choices[-1]["finish_reason"]:
        raise ValueError("no usage or no end")
    return [
        "".join(
            (choice["delta"].get("content") or "") if "delta" in choice else choice["text"]
            for choice in choices
        )
    ]


def _wrong(wish: Wish, text: str, expected: Mapping[str, Expected]) -> str:
    if wish.parses:
        thing = json.loads(text) if _is_json(text) else None
        return (
            ""
            if isinstance(thing, dict) and set(thing) == {"name", "count"}
            else f"not by its schema: {text!r}"
        )
    if not wish.key or expected[wish.key].accepts(text):
        return ""
    right = expected[wish.key]
    return f"{wish.key!r}: {text!r} instead of {right.text!r} (gap {right.gap(text)}, sure {right.sure})"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
