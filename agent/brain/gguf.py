"""The runtime for GGUF files: llama.cpp through llama-cpp-python, memory-mapped, on the processor.

Owns: the library, its log, the chat template of the file, reading a prompt in bites, and sampling.
Does not know: requests over HTTP, other requests, or which model is the right one.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jinja2 import TemplateError

from agent import brain, logs
from agent.brain import Piece, Prompt, Request
from agent.brain.growing import GrowingText
from agent.errors import ModelError, RequestError

# OpenMP's threads spin while they wait, which collapses as soon as another process wants the cores; this bounds it. It works
# only if it is set before the library is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import llama_cpp
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

_log = logging.getLogger(__name__)

_BITE_S = 0.5  # a prompt is read in bites of about this long; between them a hang-up is seen
_SMALLEST_BITE = 32  # tokens
_LARGEST_BITE = 512
_TOP_K = 40
_MIN_P = 0.05
_PIECE_BYTES = 512  # longer than any token's text
_LEVEL_ERROR = 4  # ggml's own numbers
_LEVEL_CONTINUED = 5


class Runtime(brain.Runtime):
    """One GGUF file."""

    def close(self) -> None:
        """Gives the memory back."""
        self._llama.close()

    def _load(self) -> None:
        _errors.clear()
        try:
            # It prints what it finds while it is verbose, and else turns this whole process's output off while it loads.
            with contextlib.redirect_stderr(io.StringIO()):
                self._llama: Any = llama_cpp.Llama(
                    str(self.path),
                    n_ctx=self.context,
                    n_batch=_LARGEST_BITE,
                    n_threads=self.threads,
                    n_threads_batch=self.threads,
                    use_mmap=True,
                    verbose=True,
                )
        except Exception as failed:
            why = _errors[0] if _errors else str(failed)
            raise ModelError(f"{self.path.name} does not load: {why}.") from failed
        self._llama.verbose = False
        self._model = self._llama._model  # noqa: SLF001 - the vocabulary has no public door
        self._template = self._read_template()
        self._control_words = self._read_control_words()
        self._bite = 64

    def _tokens(self, request: Request) -> list[int]:
        if not request.turns:
            return self._tokenised(request.prompt, begin=True)
        turns: list[Any] = [
            {"role": turn.role, "content": disarmed(turn.text, self._control_words)} for turn in request.turns
        ]
        try:
            return self._tokenised(self._template(messages=turns).prompt, begin=False)
        except (TemplateError, ValueError, TypeError) as refused:
            raise RequestError(
                f"The model's template does not take these turns: {refused}.", param="messages"
            ) from refused

    def _generate(self, prompt: Prompt, wanted: Callable[[], bool]) -> Iterator[Piece]:
        reused = self._shared_beginning(prompt.tokens)
        for _ in self._read(prompt.tokens, reused):
            if not wanted():
                return
            yield Piece()
        text, count = GrowingText(prompt.request.stop), 0
        longest = min(prompt.request.max_tokens or self.context, self.context - len(prompt.tokens))
        finish = "length"
        for token in self._sampled(prompt):
            if not wanted():
                return
            if llama_cpp.llama_vocab_is_eog(self._model.vocab, token):
                finish = "stop"
                break
            count += 1
            yield Piece(text=text.push(self._bytes_of(token)))
            if text.stopped or count >= longest:
                break
        rest = text.push(b"", last=True)
        yield Piece(
            text=rest,
            finish="stop" if text.stopped else finish,
            prompt_tokens=len(prompt.tokens),
            reused_tokens=reused,
            answer_tokens=count,
        )

    def _shared_beginning(self, tokens: Sequence[int]) -> int:
        """How many tokens of the prompt the model still has computed; the last is always computed anew."""
        known = self._llama.input_ids[: self._llama.n_tokens].tolist()
        shared = 0
        for ours, its in zip(tokens[:-1], known, strict=False):
            if ours != its:
                break
            shared += 1
        return shared

    def _read(self, tokens: Sequence[int], begin: int) -> Iterator[None]:
        """Computes the prompt bite by bite, from an offset on."""
        self._llama.n_tokens = begin  # what the model knows beyond is dropped with the first bite
        while begin < len(tokens):
            started = time.perf_counter()
            bite = list(tokens[begin : begin + self._bite])
            self._llama.eval(bite)
            begin += len(bite)
            speed = len(bite) / (time.perf_counter() - started)
            self._bite = max(_SMALLEST_BITE, min(_LARGEST_BITE, int(speed * _BITE_S)))
            yield

    def _sampled(self, prompt: Prompt) -> Iterator[int]:
        request = prompt.request
        self._llama.set_seed(request.seed if request.seed is not None else secrets.randbits(32))
        tokens: Iterator[int] = self._llama.generate(
            prompt.tokens,
            top_k=_TOP_K,
            top_p=request.top_p,
            min_p=_MIN_P,
            temp=request.temperature,
            repeat_penalty=request.repeat_penalty,
            frequency_penalty=request.frequency_penalty,
            presence_penalty=request.presence_penalty,
        )
        return tokens

    def _tokenised(self, text: str, *, begin: bool) -> list[int]:
        tokens: list[int] = self._llama.tokenize(text.encode(), add_bos=begin, special=True)
        return tokens

    def _bytes_of(self, token: int) -> bytes:
        piece = ctypes.create_string_buffer(_PIECE_BYTES)
        length = llama_cpp.llama_token_to_piece(self._model.vocab, token, piece, _PIECE_BYTES, 0, False)
        return piece.raw[: max(0, length)]

    def _read_template(self) -> Jinja2ChatFormatter:
        template = self._llama.metadata.get("tokenizer.chat_template")
        if not template:
            raise ModelError(f"{self.path.name} has no chat template: it cannot converse.")
        begin, end = (self._word(token) for token in (self._llama.token_bos(), self._llama.token_eos()))
        return Jinja2ChatFormatter(template=template, eos_token=end, bos_token=begin)

    def _read_control_words(self) -> tuple[str, ...]:
        vocabulary = self._model.vocab
        every = range(self._llama.n_vocab())
        return tuple(
            self._word(token) for token in every if llama_cpp.llama_vocab_is_control(vocabulary, token)
        )

    def _word(self, token: int) -> str:
        return str(self._model.token_get_text(token)) if token >= 0 else ""


def disarmed(text: str, control_words: Sequence[str]) -> str:
    """The text with every control word of the template broken up, so that nobody can forge a turn from inside one."""
    for word in control_words:
        if len(word) > 1 and word in text:
            text = text.replace(word, f"{word[0]} {word[1:]}")
    return text


_errors: list[str] = []
_last_level = 0


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator,unused-ignore]
def _hear(level: int, text: bytes, _nothing: ctypes.c_void_p) -> None:
    """Keeps llama.cpp's errors and lets its chatter go."""
    global _last_level  # noqa: PLW0603 - the library has one log for the whole process
    _last_level = _last_level if level == _LEVEL_CONTINUED else level
    words = text.decode("utf-8", "replace").strip(" .\n")
    if _last_level == _LEVEL_ERROR and words:
        _errors.append(words)
        del _errors[:-20]
        logs.event(_log, "llama.complains", level=logging.WARNING, says=words)


llama_cpp.llama_log_set(_hear, ctypes.c_void_p(0))
