"""A grammar on its way through one answer: what may come next, asked without ever bringing the library down.

Owns: the library's grammar sampler, the text after which it begins to hold, and the time that it may take.
Does not know: logits, chains of samplers, or where a grammar comes from.

The library ends the whole process when a token is accepted that the grammar does not allow. So nothing is accepted here that was not
allowed in the very state in which it is accepted, and the text that wakes a grammar is watched here, not in the library.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any

import llama_cpp
import numpy as np

from agent.brain.llama.grammar import Rules
from agent.brain.llama.weights import Weights
from agent.errors import RequestError

CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
_SLOW_S = 0.002  # for one token; some patterns have more ways than anybody can look through


class Grammar:
    """What an answer must obey, from some point on."""

    def __init__(self, weights: Weights, rules: Rules) -> None:
        """Reads the grammar.

        Raises:
            RequestError: It is no grammar.
            ModelError: The model is being changed.
        """
        self._weights = weights
        self._param = rules.param
        text = rules.text.encode()
        with weights.used():
            self._sampler = llama_cpp.llama_sampler_init_grammar(weights.vocabulary, text, b"root")
        if not self._sampler:
            raise self._refusal("cannot be turned into a grammar")
        self._trigger = rules.trigger.encode()
        self._tail = b""  # of the text so far, where the trigger may have begun
        self._one = np.zeros(1, dtype=CANDIDATE)
        self._allowed: int | None = None

    def close(self) -> None:
        """Gives the memory back."""
        if self._sampler:
            llama_cpp.llama_sampler_free(self._sampler)
            self._sampler = None

    @property
    def sleeps(self) -> bool:
        """Whether the text that wakes it has not come yet."""
        return bool(self._trigger)

    def waking(self, token: int) -> int:
        """While it sleeps: the token that may follow instead of this one, which is nearly always this one.

        A token that goes on behind the trigger would skip what the grammar demands there; the trigger is written to its end first.
        """
        text = self._tail + self._weights.bytes_of(token)
        begin = text.find(self._trigger)
        end = begin + len(self._trigger)
        if begin < 0 or end == len(text):
            return token
        missing = text[max(begin, len(self._tail)) : end]
        return self._weights.tokenise(missing.decode(), begin=False)[0]

    def allows(self, token: int) -> bool:
        """Whether the token may come next.

        Raises:
            RequestError: Nobody can tell in reasonable time.
        """
        if self._takes(token) > _SLOW_S and self._takes(token) > _SLOW_S:  # once may be the machine's fault
            raise self._refusal("takes too long to look through")
        allowed = bool(np.isfinite(self._one["logit"][0]))
        self._allowed = token if allowed else None
        return allowed

    def restrict(self, candidates: Any) -> None:
        """Takes from the candidates what may not come next."""
        llama_cpp.llama_sampler_apply(self._sampler, ctypes.byref(array(candidates)))

    def accept(self, token: int) -> None:
        """Goes on by one token; if it does not sleep, `allows` has said yes to it just before."""
        if self._trigger:
            self._tail = (self._tail + self._weights.bytes_of(token))[-2 * len(self._trigger) :]
            if self._tail.endswith(self._trigger):
                self._trigger = b""
            return
        if token != self._allowed:
            raise self._refusal("leaves the model nothing to say")
        llama_cpp.llama_sampler_accept(self._sampler, token)

    def _takes(self, token: int) -> float:
        began = time.perf_counter()
        self._one[0] = (token, 0.0, 0.0)
        self.restrict(self._one)
        return time.perf_counter() - began

    def _refusal(self, why: str) -> RequestError:
        return RequestError(f"This schema {why}.", hint="Make it simpler.", param=self._param)


def array(candidates: Any) -> Any:
    """Candidates as the library takes them."""
    return llama_cpp.llama_token_data_array(
        data=ctypes.cast(candidates.ctypes.data, ctypes.POINTER(llama_cpp.llama_token_data)),
        size=len(candidates),
        selected=-1,
        sorted=False,
    )
