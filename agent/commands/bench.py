"""`nisse bench`: how fast the brain of this box is, in about a minute.

Owns: the questions, their sizes, and saying in plain words what came out.
Does not know: how the brain computes. It asks over HTTP like anybody else.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from agent.errors import ModelError, NisseError
from agent.settings import Settings
from agent.wire.call import Client, client

HELP = "measure how fast the brain of this box reads and writes"
_LEAST_S, _MOST_S = 20, 600
_PROBE = 8  # tokens of the first answer, which only shows what sizes suit this box
_READ_SHARE, _WRITE_SHARE = 0.25, 0.15  # of the time
_READ = (100, 1000)  # least and most tokens of the long prompt
_WRITE = (16, 128)
_AT_ONCE = 4
_TOKENS_A_LINE = 16
_WORDS_A_TOKEN = 0.75
_LETTER = 400  # tokens of a letter of about a page
_WHO = ("Anna", "Bo", "Clara", "the neighbour", "grandmother", "the postman")
_DID = ("painted", "sold", "found", "mended", "lost", "measured", "ordered", "cleaned")
_WHAT = (
    "the bicycle",
    "the fence",
    "the boiler",
    "the sofa",
    "the tent",
    "the ladder",
    "the piano",
    "the hedge",
)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What came out; None where the time did not suffice."""

    model: str
    reading: float | None  # new tokens a second
    writing: float | None  # tokens a second of one answer
    second_turn: float | None  # seconds to the first word when the conversation goes on
    conversation: int  # tokens that it had then
    together: float | None  # tokens a second of four answers at once
    others: int  # answers that the brain was giving to others when this began
    seconds: float


@dataclass
class _Answer:
    sent: float = 0.0
    first: float | None = None
    last: float = 0.0
    text: str = ""
    first_length: int = 0
    prompt_tokens: int = 0
    reused: int = 0
    tokens: int = 0

    @property
    def reading(self) -> float | None:
        new = self.prompt_tokens - self.reused
        return new / (self.first - self.sent) if self.first and new > 0 else None

    @property
    def writing(self) -> float | None:
        """Tokens a second after the first piece, whose share of the tokens goes by its length."""
        if not self.first or not self.tokens or self.last <= self.first:
            return None
        return self.tokens * (1 - self.first_length / len(self.text)) / (self.last - self.first)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument(
        "--seconds", type=int, default=60, help=f"how long it may take, {_LEAST_S} to {_MOST_S} (default 60)"
    )


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Measures and prints. Returns 1 if the time did not suffice for some figure."""
    seconds = min(max(given.seconds, _LEAST_S), _MOST_S)
    brain = client(settings, "brain")
    info = brain.get("/info")
    if not info.get("ready"):
        raise ModelError(
            str(info.get("state") or "The brain has no model yet."), hint="Try again in a while."
        )
    if not given.json:
        print(f"I ask {info.get('model')} a few questions; this takes at most {seconds} seconds ...")
    try:
        figures = _measured(brain, info, seconds)
    finally:
        brain.close()
    if given.json:
        print(
            json.dumps(
                {
                    key: round(value, 3) if isinstance(value, float) else value
                    for key, value in asdict(figures).items()
                }
            )
        )
    else:
        print("\n".join(_sentences(figures)))
    return 1 if None in (figures.reading, figures.writing, figures.second_turn, figures.together) else 0


def _measured(brain: Client, info: Mapping[str, Any], seconds: int) -> Figures:
    began = time.monotonic()
    end = began + seconds
    probe = _ask(brain, [_turn(_notes(3))], _PROBE, end)
    reads = _size((probe.reading or 0) * seconds * _READ_SHARE, _READ, int(info.get("context") or 2048) // 2)
    writes = _size((probe.writing or 0) * seconds * _WRITE_SHARE, _WRITE, _WRITE[1])
    first = [_turn(f"{_notes(reads // _TOKENS_A_LINE)}\n\nTell a long story in which all of this happens.")]
    long = _ask(brain, first, writes, end)
    again = [
        *first,
        {"role": "assistant", "content": long.text},
        _turn("Who did the most? Answer with a name."),
    ]
    second = _ask(brain, again, 4, end) if long.text else _Answer()
    return Figures(
        model=str(info.get("model")),
        reading=long.reading,
        writing=long.writing,
        second_turn=second.first - second.sent if second.first else None,
        conversation=second.prompt_tokens,
        together=_together(brain, max(_WRITE[0], writes // 2), end),
        others=int((info.get("queue") or {}).get("working", 0)),
        seconds=time.monotonic() - began,
    )


def _together(brain: Client, tokens: int, end: float) -> float | None:
    questions = [[_turn(f"{_notes(1)} Tell a long story about it.")] for _ in range(_AT_ONCE)]
    began = time.monotonic()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(lambda question: _ask(brain, question, tokens, end), questions))
    if not all(answer.tokens for answer in answers):
        return None
    return sum(answer.tokens for answer in answers) / (max(answer.last for answer in answers) - began)


def _ask(brain: Client, turns: list[dict[str, str]], tokens: int, end: float) -> _Answer:
    """One answer, or as much of it as comes before the end; the stream's comments keep this awake while nothing comes."""
    answer = _Answer(sent=time.monotonic())
    body = {
        "messages": turns,
        "max_tokens": tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    with contextlib.closing(brain.events("/v1/chat/completions", body)) as events:  # type: ignore[type-var]
        for event in events:
            if event == "[DONE]" or time.monotonic() > end:
                break
            if event:
                _take(answer, json.loads(event))
    return answer


def _take(answer: _Answer, event: Mapping[str, Any]) -> None:
    if "error" in event:
        raise NisseError(str(event["error"].get("message")))
    for choice in event["choices"]:
        if text := choice["delta"].get("content"):
            answer.last = time.monotonic()
            if answer.first is None:
                answer.first, answer.first_length = answer.last, len(text)
            answer.text += text
    if usage := event.get("usage"):
        answer.prompt_tokens, answer.tokens = usage["prompt_tokens"], usage["completion_tokens"]
        answer.reused = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)


def _sentences(figures: Figures) -> list[str]:
    late = "the time did not suffice; try a longer one with --seconds"
    lines = [f"{figures.model} on this box:"]
    if figures.reading:
        lines.append(
            f"  reads         {figures.reading:.0f} tokens a second: a letter of a page takes {_LETTER / figures.reading:.1f} s"
        )
    else:
        lines.append(f"  reads         {late}")
    if figures.writing:
        words = figures.writing * _WORDS_A_TOKEN
        lines.append(f"  writes        {figures.writing:.1f} tokens a second, about {words:.0f} words")
    else:
        lines.append(f"  writes        {late}")
    if figures.second_turn:
        lines.append(
            f"  goes on       after {figures.second_turn:.2f} s, in a conversation of {figures.conversation} tokens that it knows"
        )
    else:
        lines.append(f"  goes on       {late}")
    if figures.together:
        lines.append(f"  four at once  {figures.together:.1f} tokens a second together")
    else:
        lines.append(f"  four at once  {late}")
    if figures.others:
        lines.append("Others were being answered meanwhile; alone it is faster.")
    lines.append(f"Measured in {figures.seconds:.0f} s.")
    return lines


def _notes(lines: int) -> str:
    """So many lines that nobody wrote before, so that the brain cannot know them."""
    pick = random.choice
    return "\n".join(
        f"{random.randint(1, 28)}.{random.randint(1, 12)}.: {pick(_WHO)} {pick(_DID)} {pick(_WHAT)}."  # noqa: S311 - no secret
        for _ in range(max(1, lines))
    )


def _turn(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _size(wanted: float, bounds: tuple[int, int], most: int) -> int:
    return int(min(max(wanted, bounds[0]), bounds[1], most))
