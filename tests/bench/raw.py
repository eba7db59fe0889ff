"""The yardstick: llama.cpp's decode called token by token from a bare Python loop, in a process of its own.

    python -m tests.bench.raw MODEL CONTEXT THREADS

Owns: the loop. It reads one JSON object a line (`count`, `generate`, `second_turn`) and writes one. What it times is what no server
can leave out: the decode, and picking the likeliest token.
Does not know: HTTP, other requests, the brain's code, or what is compared.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import llama_cpp
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

_PROMPT_BATCH = 2048  # llama.cpp's own; it computes them 512 at a time
_ERROR = 4  # ggml's level


class Raw:
    """One model, one sequence."""

    def __init__(self, path: str, context: int, threads: int) -> None:
        """Loads it; all that is not named is llama.cpp's default."""
        model_options = llama_cpp.llama_model_default_params()
        model_options.n_gpu_layers = 0
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), model_options)
        options = llama_cpp.llama_context_default_params()
        options.n_ctx = context
        options.n_batch = _PROMPT_BATCH
        options.n_threads = options.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, options)
        self.memory = llama_cpp.llama_get_memory(self.context)
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.model)
        self.sampler = llama_cpp.llama_sampler_init_greedy()
        template = llama_cpp.llama_model_chat_template(self.model, None).decode()
        self.template = Jinja2ChatFormatter(template=template, eos_token="", bos_token="")

    def tokens(self, messages: list[dict[str, str]]) -> list[int]:
        """The conversation as the model reads it."""
        return self.tokenised(self.template(messages=messages).prompt)  # type: ignore[arg-type,unused-ignore]

    def tokenised(self, text: str) -> list[int]:
        """A text cut into tokens, control words understood."""
        data = text.encode()
        room = (llama_cpp.llama_token * (len(data) + 8))()
        count = llama_cpp.llama_tokenize(self.vocabulary, data, len(data), room, len(room), False, True)
        return list(room[:count])

    def decode(self, tokens: Sequence[int]) -> int:
        """Computes the tokens after what is known; the likeliest next one."""
        for begin in range(0, len(tokens), _PROMPT_BATCH):
            piece = tokens[begin : begin + _PROMPT_BATCH]
            held = (llama_cpp.llama_token * len(piece))(*piece)  # the batch only points at it
            batch = llama_cpp.llama_batch_get_one(held, len(piece))
            if llama_cpp.llama_decode(self.context, batch) != 0:
                raise RuntimeError("llama_decode failed")
        return int(llama_cpp.llama_sampler_sample(self.sampler, self.context, -1))

    def generate(self, messages: list[dict[str, str]], count: int) -> dict[str, Any]:
        """An answer of at most `count` tokens, the ending not heeded: seconds to its first token, and tokens a second after it."""
        prompt = self.tokens(messages)
        llama_cpp.llama_memory_clear(self.memory, True)
        began = time.perf_counter()
        token = self.decode(prompt)
        first = time.perf_counter()
        for _ in range(count - 1):
            token = self.decode((token,))
        seconds = time.perf_counter() - first
        return {
            "prompt_tokens": len(prompt),
            "first_after": first - began,
            "speed": (count - 1) / seconds if count > 1 else None,
        }

    def second_turn(self, first: str, messages: list[dict[str, str]], repeat: int) -> dict[str, Any]:
        """Seconds to the first token when everything before the new tokens is known.

        Args:
            first: The conversation's first prompt and its answer, as text for the model.
            messages: The whole conversation, ending with the second question.
            repeat: How often to measure.
        """
        whole, before = self.tokens(messages), self.tokenised(first)
        known = next(
            (at for at, (a, b) in enumerate(zip(whole, before, strict=False)) if a != b), len(before)
        )
        llama_cpp.llama_memory_clear(self.memory, True)
        self.decode(whole[:known])
        seconds = []
        for _ in range(repeat):
            llama_cpp.llama_memory_seq_rm(self.memory, 0, known, -1)
            began = time.perf_counter()
            self.decode(whole[known:])
            seconds.append(time.perf_counter() - began)
        return {"known": known, "new": len(whole) - known, "seconds": seconds}

    def do(self, order: dict[str, Any]) -> dict[str, Any]:
        """One line's order."""
        if order["do"] == "count":
            return {"tokens": len(self.tokens(order["messages"]))}
        if order["do"] == "generate":
            return self.generate(order["messages"], order["tokens"])
        turns: list[dict[str, str]] = order["messages"]
        opening = self.template(messages=turns[:-2]).prompt + turns[-2]["content"]  # type: ignore[arg-type,unused-ignore]
        return self.second_turn(opening, turns, order["repeat"])


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator,unused-ignore]
def _hear(level: int, text: bytes, _nothing: ctypes.c_void_p) -> None:
    if level == _ERROR:
        sys.stderr.write(text.decode(errors="replace"))


def main() -> None:
    """Loads the model, says so, and serves the lines that come."""
    llama_cpp.llama_log_set(_hear, ctypes.c_void_p(0))
    raw = Raw(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write("{}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(raw.do(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
