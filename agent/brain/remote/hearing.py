"""The server's stream of events, read: pieces of text, calls in the contract's own form, likelihoods, and the counts at the end. Pure.

Owns: what of OpenAI's chunks means what, and the sentence for a stream that is none.
Does not know: HTTP, nor what was asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agent.brain import Piece, Token
from agent.brain.calling import CALL_BEGINS, CALL_ENDS
from agent.errors import ModelError

_LONGEST_EVENT = 4_000_000  # bytes
_LONGEST_CALL = 1_000_000  # characters of a call's arguments


class Lines:
    """Bytes as they come, parted into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def push(self, block: bytes) -> list[str]:
        """The lines that are complete now.

        Raises:
            ModelError: One is longer than any event.
        """
        *lines, self._rest = (self._rest + block).split(b"\n")
        if len(self._rest) > _LONGEST_EVENT:
            raise ModelError("The server sends something that is no stream of events.")
        return [line.decode("utf-8", "replace").rstrip("\r") for line in lines]


class Hearing:
    """One answer as it comes."""

    def __init__(self, most: int) -> None:
        """Begins with nothing heard.

        Args:
            most: Chunks after which the answer ends as by a limit: a model may repeat itself for ever, or think.
        """
        self.ended = False  # this was all
        self._most = most
        self._finish = ""
        self._calls: dict[int, dict[str, str]] = {}
        self._usage: dict[str, Any] = {}
        self._heard = 0  # pieces with something in them
        self._chunks = 0

    def push(self, line: str) -> Piece | None:
        """What a line of the stream adds; None for nothing.

        Raises:
            ModelError: It is no such stream, or the server says that it broke down.
        """
        if not line.startswith("data:"):
            return None
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            self.ended = True
            return None
        try:
            chunk = json.loads(data)
            return self._chunk(chunk)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as wrong:
            raise ModelError("The server sends something that is no answer.") from wrong

    def end(self) -> Piece:
        """The last piece.

        Raises:
            ModelError: The answer had no end.
        """
        if not self._finish:
            raise ModelError("The server broke off in the middle of its answer.")
        cut, last = self._finish == "length", max(self._calls, default=0)
        calls = (_written(call, cut=cut and index == last) for index, call in sorted(self._calls.items()))
        return Piece(
            text="".join(calls),
            finish="length" if cut else "stop",
            prompt_tokens=_count(self._usage, "prompt_tokens"),
            reused_tokens=_count(self._usage.get("prompt_tokens_details"), "cached_tokens"),
            # A server that does not count sends about a token at a time.
            answer_tokens=_count(self._usage, "completion_tokens") or self._heard,
        )

    def _chunk(self, chunk: Mapping[str, Any]) -> Piece | None:
        if chunk.get("error"):
            error = chunk["error"]
            said = error.get("message") if isinstance(error, dict) else error
            raise ModelError(f"The server says: {str(said)[:300]}")
        if isinstance(chunk.get("usage"), dict):
            self._usage = chunk["usage"]
        if not chunk.get("choices"):
            return None
        choice = chunk["choices"][0]
        delta = choice.get("delta") or {}
        for call in delta.get("tool_calls") or ():
            self._add_call(call)
        self._finish = choice.get("finish_reason") or self._finish
        text = delta.get("content") or choice.get("text") or ""
        if not isinstance(text, str):
            raise TypeError(text)
        told = choice.get("logprobs")
        tokens = tuple(_tokens(told)) if told else ()
        # What the model thinks to itself (reasoning_content) is no part of the answer.
        self._heard += bool(text or tokens or delta.get("tool_calls"))
        self._chunks += 1
        if self._chunks >= self._most and not self._finish:
            self.ended, self._finish = True, "length"
        return Piece(text=text, tokens=tokens) if text or tokens else None

    def _add_call(self, part: Mapping[str, Any]) -> None:
        call = self._calls.setdefault(int(part.get("index") or 0), {"name": "", "arguments": ""})
        function = part.get("function") or {}
        call["name"] += function.get("name") or ""
        call["arguments"] += function.get("arguments") or ""
        if len(call["arguments"]) > _LONGEST_CALL:
            raise ModelError("The server makes a call that does not end.")


def _written(call: Mapping[str, str], *, cut: bool) -> str:
    """The call in the contract's form; what a limit cut off in the middle stays text."""
    try:
        return _whole(call, call["arguments"] if cut else call["arguments"] or "{}")
    except ModelError:
        if not cut:
            raise
        return f'{CALL_BEGINS}\n{{"name": {json.dumps(call["name"])}, "arguments": {call["arguments"]}'


def _whole(call: Mapping[str, str], arguments: str) -> str:
    try:
        found = json.loads(arguments)
    except (ValueError, RecursionError) as wrong:
        raise ModelError(f"The server calls {call['name'][:100]!r} with what is not JSON.") from wrong
    if not isinstance(found, dict) or not call["name"]:
        raise ModelError("The server makes a call without name or arguments.")
    # A client that keeps the history sends the arguments back letter by letter, and the server knows its own words again.
    return f'{CALL_BEGINS}\n{{"name": {json.dumps(call["name"])}, "arguments": {arguments}}}\n{CALL_ENDS}'


def _tokens(told: Mapping[str, Any]) -> Iterator[Token]:
    if "content" in told or "tokens" not in told:  # of a chat
        for entry in told.get("content") or ():
            likeliest = tuple(
                (_bytes(other), float(other["logprob"])) for other in entry.get("top_logprobs") or ()
            )
            yield Token(data=_bytes(entry), logprob=float(entry["logprob"]), likeliest=likeliest)
        return
    tops = told.get("top_logprobs") or [None] * len(told["tokens"])
    for token, logprob, top in zip(told["tokens"], told["token_logprobs"], tops, strict=True):
        likeliest = tuple((str(other).encode(), float(its)) for other, its in (top or {}).items())
        yield Token(data=str(token).encode(), logprob=float(logprob), likeliest=likeliest)


def _bytes(entry: Mapping[str, Any]) -> bytes:
    data = entry.get("bytes")
    return bytes(data) if data is not None else str(entry["token"]).encode("utf-8", "replace")


def _count(counts: Any, name: str) -> int:
    value = counts.get(name) if isinstance(counts, dict) else None
    return value if isinstance(value, int) and value >= 0 else 0
