"""How likely the tokens of an answer were, as OpenAI's two routes tell it.

Owns: both forms.
Does not know: where the figures come from.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.brain import Token

_LEAST = -9999.0  # JSON has no minus infinity; OpenAI writes this


def of_chat(tokens: Sequence[Token]) -> dict[str, Any]:
    """For `/v1/chat/completions`."""
    content = [
        {**_entry(token.data, token.logprob), "top_logprobs": [_entry(*each) for each in token.likeliest]}
        for token in tokens
    ]
    return {"content": content, "refusal": None}


def _entry(data: bytes, logprob: float) -> dict[str, Any]:
    return {
        "token": data.decode("utf-8", "replace"),
        "logprob": max(logprob, _LEAST),
        "bytes": list(data),
    }


@dataclass
class OfCompletion:
    """For `/v1/completions`, where each token says at which character it begins."""

    _offset: int = 0
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    def next(self, tokens: Sequence[Token], *, likeliest: bool) -> dict[str, Any]:
        """The next tokens of the answer.

        Args:
            tokens: They follow those given before.
            likeliest: Whether the likeliest were asked for as well.
        """
        return {
            "tokens": [_name(token.data) for token in tokens],
            "token_logprobs": [max(token.logprob, _LEAST) for token in tokens],
            "top_logprobs": [_by_name(token) for token in tokens] if likeliest else None,
            "text_offset": [self._place(token.data) for token in tokens],
        }

    def _place(self, data: bytes) -> int:
        begin = self._offset
        self._offset += len(self._decoder.decode(data))
        return begin


def _by_name(token: Token) -> dict[str, float]:
    # The chosen one stands among them, as OpenAI has it, also when it was not one of the likeliest.
    rows = (*token.likeliest, (token.data, token.logprob))
    return {_name(data): max(logprob, _LEAST) for data, logprob in rows}


def _name(data: bytes) -> str:
    """The token's text; where it is a part of a character, its bytes."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)
