"""The answers to one call, written as OpenAI's two routes have them: as one object, or as the objects of a stream.

Owns: the bodies and their parts: text, calls of tools, likelihoods, reasons and counts.
Does not know: how bodies travel, nor where pieces come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.brain import Piece, ToolCall
from agent.brain.calling import CallReader
from agent.brain.dialect import likelihoods
from agent.brain.dialect.asking import Call

_MOST_CALLS = 8  # that a model wrote without marks; those with marks are bounded by its grammar


@dataclass
class Writer:
    """Writes the answers to one call. They are numbered: `n` to the first prompt, then `n` to the next."""

    call: Call
    id: str
    model: str
    created: int  # seconds since 1970
    _choices: list[_Choice] = field(init=False, repr=False)
    _last: dict[int, Piece] = field(default_factory=dict, init=False)  # of the answers that have ended

    def __post_init__(self) -> None:
        """Makes an empty answer for each that is wanted."""
        count = len(self.call.requests) * self.call.n
        self._choices = [_Choice(self.call, index, self.id.rpartition("-")[2]) for index in range(count)]

    @property
    def finished(self) -> bool:
        """Whether every answer has ended."""
        return len(self._last) == len(self._choices)

    def whole(self, answers: Sequence[Sequence[Piece]]) -> dict[str, Any]:
        """All answers as one object.

        Args:
            answers: The pieces of each, in order.
        """
        for index, pieces in enumerate(answers):
            self._last[index] = pieces[-1]
        made = [choice.whole(pieces) for choice, pieces in zip(self._choices, answers, strict=True)]
        kind = "chat.completion" if self.call.chat else "text_completion"
        return {**self._head(kind), "choices": made, "usage": self._usage()}

    def begin(self) -> list[dict[str, Any]]:
        """The objects with which a stream begins before there is any word."""
        return [self._chunk(opening) for choice in self._choices if (opening := choice.opening())]

    def chunks(self, index: int, piece: Piece) -> list[dict[str, Any]]:
        """The objects of a stream that the next piece of one answer makes; none for an empty one."""
        made = [self._chunk(part) for part in self._choices[index].parts(piece)]
        if piece.finish:
            self._last[index] = piece
            if self.finished and self.call.usage:
                made.append({**self._head(self._chunk_kind), "choices": [], "usage": self._usage()})
        return made

    @property
    def _chunk_kind(self) -> str:
        return "chat.completion.chunk" if self.call.chat else "text_completion"

    def _chunk(self, choice: dict[str, Any]) -> dict[str, Any]:
        chunk = {**self._head(self._chunk_kind), "choices": [choice]}
        return {**chunk, "usage": None} if self.call.usage else chunk

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _usage(self) -> dict[str, Any]:
        # A prompt that is answered several times counts once.
        firsts = [self._last[index] for index in range(0, len(self._choices), self.call.n)]
        prompt = sum(piece.prompt_tokens for piece in firsts)
        answers = sum(piece.answer_tokens for piece in self._last.values())
        return {
            "prompt_tokens": prompt,
            "completion_tokens": answers,
            "total_tokens": prompt + answers,
            "prompt_tokens_details": {"cached_tokens": sum(piece.reused_tokens for piece in firsts)},
        }


class _Choice:
    """One answer of the call."""

    def __init__(self, call: Call, index: int, stem: str) -> None:
        """Args say which it is; the stem makes the ids of its calls."""
        request = call.requests[index // call.n]
        self._chat = call.chat
        self._index = index
        self._told = request.logprobs
        self._offsets = likelihoods.OfCompletion()
        self._echo = call.echoes[index // call.n] if call.echoes else ""
        calling = request.tools and request.tool_choice != "none"
        names = tuple(tool.name for tool in request.tools)
        self._parallel = request.parallel_calls
        most = _MOST_CALLS if self._parallel else 1
        self._reader = CallReader(f"call_{stem[:24]}{index}", names, most) if calling else None
        self._called = 0

    def whole(self, pieces: Sequence[Piece]) -> dict[str, Any]:
        """The answer of these pieces as an entry of `choices`."""
        text, calls = self._read("".join(piece.text for piece in pieces), last=True)
        tokens = [token for piece in pieces for token in piece.tokens]
        entry = self._entry(pieces[-1].finish, None if self._told is None else self._likelihoods(tokens))
        if not self._chat:
            return {**entry, "text": self._echo + text}
        message: dict[str, Any] = {
            "role": "assistant",
            "content": text if text or not calls else None,
            "refusal": None,
        }
        if calls:
            message["tool_calls"] = [_call(call) for call in calls]
        return {**entry, "message": message}

    def opening(self) -> dict[str, Any] | None:
        """What is told before the first word."""
        if self._chat:
            return {**self._entry(None, None), "delta": {"role": "assistant", "content": "", "refusal": None}}
        return {**self._entry(None, None), "text": self._echo} if self._echo else None

    def parts(self, piece: Piece) -> list[dict[str, Any]]:
        """What the next piece adds, as entries of `choices`."""
        text, calls = self._read(piece.text, last=bool(piece.finish))
        told = self._likelihoods(piece.tokens) if piece.tokens and self._told is not None else None
        if not self._chat:
            some = text or told or piece.finish
            return [{**self._entry(piece.finish or None, told), "text": text}] if some else []
        delta: dict[str, Any] = {"content": text} if text else {}
        if calls:
            first = self._called - len(calls)
            delta["tool_calls"] = [{"index": first + at, **_call(call)} for at, call in enumerate(calls)]
        parts = [{**self._entry(None, told), "delta": delta}] if delta or told else []
        if piece.finish:  # alone: the official client looks at a call that has ended only before the end
            parts.append({**self._entry(piece.finish, None), "delta": {}})
        return parts

    def _read(self, text: str, *, last: bool) -> tuple[str, list[ToolCall]]:
        if self._reader is None:
            return text, []
        shown, calls = self._reader.push(text, last=last)
        if not self._parallel:  # a server elsewhere may not have kept to it
            calls = calls[: max(0, 1 - self._called)]
        self._called += len(calls)
        return shown, calls

    def _entry(self, finish: str | None, told: dict[str, Any] | None) -> dict[str, Any]:
        # An answer that a limit cut short says so, also where a call in it is whole.
        reason = "tool_calls" if finish == "stop" and self._called else finish
        return {"index": self._index, "finish_reason": reason, "logprobs": told}

    def _likelihoods(self, tokens: Sequence[Any]) -> dict[str, Any]:
        return (
            likelihoods.of_chat(tokens)
            if self._chat
            else self._offsets.next(tokens, likeliest=bool(self._told))
        )


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
