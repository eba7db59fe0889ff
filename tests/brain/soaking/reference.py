"""The right answer to a request at temperature 0: what a fresh process says to it, asked alone.

Owns: the fresh answers with how close each token's rivals were, and comparing another answer with them.
Does not know: how the other answer came about.

llama.cpp's logits are not the same to the last bit when a prompt's cells lie in another order or a step has another number of
tokens: the sums are made in another order, and the quantisation of what flows between the layers makes the difference larger. On
the bare library, without any code of ours, SmolLM2's logarithms moved by up to 0.8 for the order of cells alone (median 0.17). So
there are two kinds of request. SURE ones, in which every token leads by more than that: their answer must come exactly. And
ordinary ones, whose answer may part from the fresh one only at a token that the fresh process itself held for nearly as likely.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.brain.soaking.conduct import Outcome, ask
from tests.brain.soaking.wishes import CHAT, COMPLETION, Wish

NOISE = 1.0  # of a natural logarithm: how much further off a token may be that comes all the same

_RIVALS = (
    20  # of a chat, the most that can be asked for: where a sentence begins, six are within half of the noise
)
_RIVALS_OF_TEXT = 5  # the most there


@dataclass(frozen=True)
class Step:
    """A token of the answer, and its rivals with how much less likely each was."""

    data: bytes
    rivals: tuple[tuple[bytes, float], ...]


@dataclass(frozen=True)
class Expected:
    """The right answer."""

    text: str
    steps: tuple[Step, ...]

    @property
    def sure(self) -> bool:
        """Whether rounding cannot change it."""
        return all(gap > NOISE for step in self.steps for _, gap in step.rivals)

    def gap(self, other: str) -> float | None:
        """How much less likely another answer is where it parts from this one; 0 if it is the same, None if it is just wrong."""
        if other == self.text:
            return 0.0
        data, right = other.encode(), self.text.encode()
        parting = next(
            (at for at, (a, b) in enumerate(zip(data, right, strict=False)) if a != b),
            min(len(data), len(right)),
        )
        begin, gaps = 0, []
        for step in self.steps:
            if begin > parting:
                break
            gaps += [
                gap for rival, gap in step.rivals if _came(rival, step.data, data[begin:], parting - begin)
            ]
            begin += len(step.data)
        return min(gaps, default=None)

    def accepts(self, other: str) -> bool:
        """Whether another answer is right."""
        gap = self.gap(other)
        return gap is not None and gap <= (0 if self.sure else NOISE)


def _came(rival: bytes, displaced: bytes, rest: bytes, parting: int) -> bool:
    """Whether a rival came in a token's place: it covers the first byte that differs, or the token that it begins like does."""
    covers = len(rival) > parting or (len(displaced) > parting and displaced.startswith(rival))
    return bool(rival) and covers and rest.startswith(rival)


def expect(port: int, body: Mapping[str, Any]) -> Expected:
    """Asks a fresh process."""
    chat = "messages" in body
    told: dict[str, Any] = (
        {"logprobs": True, "top_logprobs": _RIVALS} if chat else {"logprobs": _RIVALS_OF_TEXT}
    )
    outcome = Outcome()
    wish = Wish(
        kind="reference", path=CHAT if chat else COMPLETION, body=json.dumps({**body, **told}).encode()
    )
    ask(port, wish, outcome)
    assert outcome.status == 200, (outcome.status, outcome.body[:300], outcome.trouble)
    choice = outcome.json["choices"][0]
    if chat:
        return Expected(choice["message"]["content"], tuple(map(_chat_step, choice["logprobs"]["content"])))
    told = choice["logprobs"]
    steps = zip(told["tokens"], told["token_logprobs"], told["top_logprobs"], strict=True)
    return Expected(choice["text"], tuple(_step(*step) for step in steps))


def _chat_step(token: Mapping[str, Any]) -> Step:
    likeliest = ((bytes(rival["bytes"]), rival["logprob"]) for rival in token["top_logprobs"])
    data = bytes(token["bytes"])
    return Step(
        data, tuple((rival, token["logprob"] - likely) for rival, likely in likeliest if rival != data)
    )


def _step(token: str, likely: float, likeliest: Mapping[str, float]) -> Step:
    return Step(
        token.encode(),
        tuple((rival.encode(), likely - its) for rival, its in likeliest.items() if rival != token),
    )
