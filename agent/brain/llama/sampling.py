"""Choosing the next token: llama.cpp's own chain of samplers, a grammar where one must be obeyed, and how likely the choice was.

Owns: the order of the samplers, and the short way with grammars.
Does not know: steps, sequences, or how a grammar is kept alive.
"""

from __future__ import annotations

import ctypes
import secrets
from typing import Any

import llama_cpp
import numpy as np

from agent.brain import Prompt, Request, Token
from agent.brain.llama.context import Context
from agent.brain.llama.grammar import Rules
from agent.brain.llama.obeying import CANDIDATE, Grammar, array
from agent.brain.llama.weights import Weights

_LIKELY = 256  # tokens, among which there is nearly always one that obeys


class Sampler:
    """The sampler of one answer."""

    def __init__(self, weights: Weights, prompt: Prompt, rules: Rules | None, context: int) -> None:
        """Makes the chain.

        Args:
            weights: The model.
            prompt: What is answered, and how to choose.
            rules: What the answer must obey.
            context: Most tokens of prompt and answer together.

        Raises:
            RequestError: The rules are no grammar.
            ModelError: The model is being changed.
        """
        request = prompt.request
        self._weights = weights
        self._grammar = Grammar(weights, rules) if rules else None
        self._told = request.logprobs
        self._chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        # The library takes no negative number for all; and it would make room for as many as it is told.
        back = min(request.repeat_last_n if request.repeat_last_n >= 0 else context, context)
        samplers = _samplers(weights, request, back)
        for sampler in samplers:
            llama_cpp.llama_sampler_chain_add(self._chain, sampler)
        if back and _penalises(request):
            for token in prompt.tokens[-back:]:
                llama_cpp.llama_sampler_accept(self._chain, token)
        # With nothing before it, the greedy sampler is a maximum; the library would copy the whole vocabulary to find it.
        self._likeliest = request.temperature <= 0 and len(samplers) == 1 and not rules

    def close(self) -> None:
        """Gives the memory back."""
        if self._chain:
            llama_cpp.llama_sampler_free(self._chain)
            self._chain = None
        if self._grammar:
            self._grammar.close()
            self._grammar = None

    def choose(self, context: Context, place: int) -> int:
        """The next token, by the logits of a token of the last step."""
        if self._likeliest:
            return int(context.logits(place).argmax())
        if self._grammar is None:
            return int(llama_cpp.llama_sampler_sample(self._chain, context.pointer, place))
        token = self._obedient(self._grammar, context.logits(place))
        llama_cpp.llama_sampler_accept(self._chain, token)
        self._grammar.accept(token)
        return token

    def _obedient(self, grammar: Grammar, logits: Any) -> int:
        token = self._apply(_candidates(logits))
        if grammar.sleeps:
            return grammar.waking(token)
        # Looking through the whole vocabulary by grammar is slow; nearly always the choice obeys anyway.
        if grammar.allows(token):
            return token
        for count in (_LIKELY, len(logits)):
            candidates = _candidates(logits, count)
            grammar.restrict(candidates)
            obedient = candidates[np.isfinite(candidates["logit"])]
            if len(obedient):
                token = self._apply(obedient)
                grammar.allows(token)
                return token
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
        native = array(candidates)
        llama_cpp.llama_sampler_apply(self._chain, ctypes.byref(native))
        return int(native.data[native.selected].id)


def _penalises(request: Request) -> bool:
    return bool(request.repeat_penalty != 1 or request.frequency_penalty or request.presence_penalty)


def _samplers(weights: Weights, request: Request, back: int) -> list[Any]:
    chain = []
    if request.logit_bias:
        bias = (llama_cpp.llama_logit_bias * len(request.logit_bias))(
            *(llama_cpp.llama_logit_bias(token, value) for token, value in request.logit_bias)
        )
        chain.append(llama_cpp.llama_sampler_init_logit_bias(weights.size, len(bias), bias))
    if _penalises(request):
        chain.append(
            llama_cpp.llama_sampler_init_penalties(
                weights.size,
                back,
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


def _candidates(logits: Any, count: int | None = None) -> Any:
    """The likeliest tokens, or all of them, as the library's samplers take them."""
    if count is None or count >= len(logits):
        tokens = np.arange(len(logits), dtype=np.int32)
    else:
        tokens = np.argpartition(logits, -count)[-count:].astype(np.int32)
    candidates = np.empty(len(tokens), dtype=CANDIDATE)
    candidates["id"] = tokens
    candidates["logit"] = logits[tokens]
    candidates["p"] = 0
    return candidates


def _largest(values: Any, count: int) -> list[int]:
    if count <= 0:
        return []
    found = np.argpartition(values, -count)[-count:]
    return [int(place) for place in found[np.argsort(values[found])[::-1]]]
