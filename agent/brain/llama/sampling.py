"""Choosing the next token: llama.cpp's own chain of samplers, a grammar where one must be obeyed, and how likely the choice was.

Owns: the order of the samplers, and the short way with grammars.
Does not know: steps, sequences, or where a grammar comes from.
"""

from __future__ import annotations

import ctypes
import secrets
from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np

from agent.brain import Request, Token
from agent.brain.llama.context import Context
from agent.brain.llama.weights import Weights
from agent.errors import RequestError

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Sampler:
    """The sampler of one answer."""

    def __init__(self, weights: Weights, request: Request, grammar: Grammar | None) -> None:
        """Makes the chain.

        Args:
            weights: The model.
            request: How to choose.
            grammar: What the answer must obey; the sampler closes it.
        """
        self._weights = weights
        self._grammar = grammar
        self._told = request.logprobs
        self._chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        samplers = _samplers(weights, request)
        for sampler in samplers:
            llama_cpp.llama_sampler_chain_add(self._chain, sampler)
        # With nothing before it, the greedy sampler is a maximum; the library would copy the whole vocabulary to find it.
        self._likeliest = request.temperature <= 0 and len(samplers) == 1 and grammar is None

    def close(self) -> None:
        """Gives the memory back."""
        if self._chain:
            llama_cpp.llama_sampler_free(self._chain)
            self._chain = None
        if self._grammar:
            self._grammar.close()
            self._grammar = None

    def saw(self, tokens: Sequence[int]) -> None:
        """Tells the penalties what stands before the answer."""
        for token in tokens:
            llama_cpp.llama_sampler_accept(self._chain, token)

    def choose(self, context: Context, place: int) -> int:
        """The next token, by the logits of a token of the last step."""
        if self._likeliest:
            return int(context.logits(place).argmax())
        if self._grammar is None:
            return int(llama_cpp.llama_sampler_sample(self._chain, context.pointer, place))
        logits = context.logits(place)
        token = self._apply(_candidates(logits))
        # Looking through the whole vocabulary by grammar is slow; nearly always the choice obeys anyway.
        if not self._grammar.allows(token):
            candidates = _candidates(logits)
            self._grammar.restrict(candidates)
            token = self._apply(candidates)
        llama_cpp.llama_sampler_accept(self._chain, token)
        self._grammar.accept(token)
        return token

    def tell(self, context: Context, place: int, token: int) -> Token | None:
        """The token with its likelihood, if the request asked for it."""
        if self._told is None:
            return None
        logits = context.logits(place).astype(np.float64)
        logits -= logits.max()
        logits -= np.log(np.exp(logits).sum())
        return Token(
            data=self._weights.bytes_of(token),
            logprob=float(logits[token]),
            likeliest=tuple(
                (self._weights.bytes_of(int(other)), float(logits[other]))
                for other in _largest(logits, self._told)
            ),
        )

    def _apply(self, candidates: Any) -> int:
        array = _array(candidates)
        llama_cpp.llama_sampler_apply(self._chain, ctypes.byref(array))
        return int(array.data[array.selected].id)


class Grammar:
    """A grammar on its way through one answer."""

    def __init__(self, weights: Weights, text: str, trigger: str = "") -> None:
        """Reads the grammar.

        Args:
            weights: The model.
            text: GBNF; its beginning is `root`.
            trigger: A regular expression for the text so far; the grammar holds from its first group on. Empty: at once.

        Raises:
            RequestError: It is no grammar.
        """
        vocabulary, source = weights.vocabulary, text.encode()
        if trigger:
            patterns = (ctypes.c_char_p * 1)(trigger.encode())
            self._sampler = llama_cpp.llama_sampler_init_grammar_lazy_patterns(
                vocabulary, source, b"root", patterns, 1, None, 0
            )
        else:
            self._sampler = llama_cpp.llama_sampler_init_grammar(vocabulary, source, b"root")
        if not self._sampler:
            raise RequestError(
                "This schema cannot be turned into a grammar.",
                hint="Make it simpler.",
                param="response_format",
            )
        self._one = np.zeros(1, dtype=_CANDIDATE)

    def close(self) -> None:
        """Gives the memory back."""
        if self._sampler:
            llama_cpp.llama_sampler_free(self._sampler)
            self._sampler = None

    def allows(self, token: int) -> bool:
        """Whether the token may come next."""
        self._one[0] = (token, 0.0, 0.0)
        self.restrict(self._one)
        return bool(np.isfinite(self._one["logit"][0]))

    def restrict(self, candidates: Any) -> None:
        """Takes from the candidates what may not come next."""
        llama_cpp.llama_sampler_apply(self._sampler, ctypes.byref(_array(candidates)))

    def accept(self, token: int) -> None:
        """Goes on by one token."""
        llama_cpp.llama_sampler_accept(self._sampler, token)


def _samplers(weights: Weights, request: Request) -> list[Any]:
    chain = []
    if request.logit_bias:
        bias = (llama_cpp.llama_logit_bias * len(request.logit_bias))(
            *(llama_cpp.llama_logit_bias(token, value) for token, value in request.logit_bias)
        )
        chain.append(llama_cpp.llama_sampler_init_logit_bias(weights.size, len(bias), bias))
    if request.repeat_penalty != 1 or request.frequency_penalty or request.presence_penalty:
        chain.append(
            llama_cpp.llama_sampler_init_penalties(
                weights.size,
                request.repeat_last_n,
                request.repeat_penalty,
                request.frequency_penalty,
                request.presence_penalty,
            )
        )
    if request.temperature <= 0:
        return [*chain, llama_cpp.llama_sampler_init_greedy()]
    if request.top_k > 0:
        chain.append(llama_cpp.llama_sampler_init_top_k(request.top_k))
    if request.top_p < 1:
        chain.append(llama_cpp.llama_sampler_init_top_p(request.top_p, 1))
    if request.min_p > 0:
        chain.append(llama_cpp.llama_sampler_init_min_p(request.min_p, 1))
    seed = secrets.randbits(32) if request.seed is None else request.seed
    chain += [
        llama_cpp.llama_sampler_init_temp(request.temperature),
        llama_cpp.llama_sampler_init_dist(seed & 0xFFFFFFFF),
    ]
    return chain


def _candidates(logits: Any) -> Any:
    candidates = np.empty(len(logits), dtype=_CANDIDATE)
    candidates["id"] = np.arange(len(logits), dtype=np.int32)
    candidates["logit"] = logits
    candidates["p"] = 0
    return candidates


def _array(candidates: Any) -> Any:
    return llama_cpp.llama_token_data_array(
        data=ctypes.cast(candidates.ctypes.data, ctypes.POINTER(llama_cpp.llama_token_data)),
        size=len(candidates),
        selected=-1,
        sorted=False,
    )


def _largest(values: Any, count: int) -> list[int]:
    if count <= 0:
        return []
    found = np.argpartition(values, -count)[-count:]
    return [int(place) for place in found[np.argsort(values[found])[::-1]]]
