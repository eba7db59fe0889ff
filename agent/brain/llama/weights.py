"""A model's weights and words: the file in memory, its vocabulary, its chat template.

Owns: the model of the library, cutting text into tokens and back, and that nothing is given back under anybody's hands.
Does not know: contexts, sampling, or who asks. Safe to use from many threads: nothing changes after the file is loaded.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llama_cpp
from jinja2 import TemplateError
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from agent.brain import Options, Turn
from agent.brain.llama import library
from agent.brain.llama.lengths import Lengths, outermost
from agent.errors import ModelError, RequestError

_PIECE_BYTES = 512  # longer than any token's text
_TEMPLATE_BYTES = 65_536
_EVERY_LAYER = 999
# Tokens that the library looks for before it cuts the rest of a text.
_ALONE = (
    llama_cpp.LLAMA_TOKEN_ATTR_CONTROL
    | llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
    | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN
)


class Weights:
    """One GGUF file, loaded."""

    def __init__(self, path: Path, options: Options) -> None:
        """Loads the file.

        Raises:
            ModelError: It does not load, or cannot converse; the message says why as far as the library told.
        """
        self.path = path
        self._changed = threading.Condition()
        self._users = 0
        self._closed = False
        self._heard = library.listen()
        self.pointer: Any = llama_cpp.llama_model_load_from_file(str(path).encode(), _parameters(options))
        if not self.pointer:
            raise ModelError(f"{path.name} does not load: {self._heard.why('the file cannot be read')}.")
        self.vocabulary: Any = llama_cpp.llama_model_get_vocab(self.pointer)
        self.size: int = llama_cpp.llama_vocab_n_tokens(self.vocabulary)
        try:
            self._template = self._read_template()
            self._control_words = self._read_control_words()
        except BaseException:
            self.close()
            raise
        self._pieces: dict[int, bytes] = {}
        self._context = options.context

    def close(self) -> None:
        """Lets nobody use it any more, and gives the memory back as soon as nobody does. Its contexts must be closed before."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._users)
            if self.pointer:
                llama_cpp.llama_model_free(self.pointer)
                self.pointer = None

    @contextmanager
    def used(self) -> Iterator[None]:
        """Keeps it in memory while the context lasts. Whoever closes waits for that, so it is for short: a call of the library.

        The engine's thread holds it for as long as it lives, and needs to ask for nothing else.

        Raises:
            ModelError: It is closed, or about to be.
        """
        with self._changed:
            if self._closed:
                raise ModelError("The model is being changed.", retry_after=5)
            self._users += 1
        try:
            yield
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    @property
    def buffers(self) -> dict[str, int]:
        """The buffers that the library says it made, in bytes."""
        return dict(self._heard.buffers)

    @property
    def layers(self) -> int:
        """How many there are."""
        return int(llama_cpp.llama_model_n_layer(self.pointer))

    def tokenise(self, text: str, *, begin: bool, param: str = "prompt") -> list[int]:
        """The text in tokens, control words included.

        Args:
            text: Any text.
            begin: Put the token of a text's beginning before it, if the model has one.
            param: The request's field that it is.

        Raises:
            RequestError: It is so long that it cannot fit into the context.
            ModelError: The model is being changed.
        """
        data = text.encode()
        if len(data) > self._context and self._lengths.fewest(text) >= self._context:
            # Cutting it would take many seconds, in which nobody could hang up.
            raise RequestError(
                f"The prompt is far too long; this model takes at most {self._context - 1} tokens.",
                hint="Send a shorter one, or raise brain.context.",
                param=param,
            )
        room = len(data) + 2
        tokens = (llama_cpp.llama_token * room)()
        with self.used():
            count = llama_cpp.llama_tokenize(self.vocabulary, data, len(data), tokens, room, begin, True)
        if count < 0:  # more tokens than bytes: no vocabulary that we know does this
            raise RequestError("This text cannot be cut into tokens.", param="prompt")
        return list(tokens[:count])

    def chat(self, turns: Sequence[Turn]) -> list[int]:
        """The turns of a chat in tokens, in the words of the model's template, open for the model's answer.

        Raises:
            RequestError: The template does not take these turns.
            ModelError: The model is being changed.
        """
        messages: list[Any] = [
            {"role": turn.role, "content": disarmed(turn.text, self._control_words)} for turn in turns
        ]
        try:
            return self.tokenise(self._template(messages=messages).prompt, begin=False, param="messages")
        except (
            TemplateError,
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
            RecursionError,
        ) as refused:
            raise RequestError(
                f"The model's template does not take these turns: {refused}.", param="messages"
            ) from refused

    def ends(self, token: int) -> bool:
        """Whether this token ends an answer. For the engine's thread alone."""
        return bool(llama_cpp.llama_vocab_is_eog(self.vocabulary, token))

    def bytes_of(self, token: int) -> bytes:
        """What a token stands for; nothing for control words. For the engine's thread alone."""
        known = self._pieces.get(token)
        if known is None:
            piece = ctypes.create_string_buffer(_PIECE_BYTES)
            length = llama_cpp.llama_token_to_piece(self.vocabulary, token, piece, _PIECE_BYTES, 0, False)
            known = self._pieces[token] = piece.raw[: max(0, length)]
        return known

    def _read_template(self) -> Jinja2ChatFormatter:
        found = ctypes.create_string_buffer(_TEMPLATE_BYTES)
        length = llama_cpp.llama_model_meta_val_str(
            self.pointer, b"tokenizer.chat_template", found, _TEMPLATE_BYTES
        )
        if length <= 0 or length >= _TEMPLATE_BYTES:
            raise ModelError(f"{self.path.name} has no chat template: it cannot converse.")
        begin = llama_cpp.llama_vocab_bos(self.vocabulary)
        end = llama_cpp.llama_vocab_eos(self.vocabulary)
        try:
            return Jinja2ChatFormatter(
                template=found.value.decode(), eos_token=self._word(end), bos_token=self._word(begin)
            )
        except (TemplateError, UnicodeDecodeError) as broken:
            raise ModelError(f"{self.path.name} has a broken chat template: {broken}.") from broken

    def _read_control_words(self) -> tuple[str, ...]:
        every = range(self.size)
        return tuple(
            self._word(token) for token in every if llama_cpp.llama_vocab_is_control(self.vocabulary, token)
        )

    @functools.cached_property
    def _lengths(self) -> Lengths:
        every = range(self.size)
        with self.used():
            longest = max(len(llama_cpp.llama_vocab_get_text(self.vocabulary, token)) for token in every)
            alone = [
                self._word(token)
                for token in every
                if llama_cpp.llama_vocab_get_attr(self.vocabulary, token) & _ALONE
            ]
        return Lengths(longest, outermost(alone))

    def _word(self, token: int) -> str:
        if token < 0:
            return ""
        return str(llama_cpp.llama_vocab_get_text(self.vocabulary, token).decode("utf-8", "replace"))


def _parameters(options: Options) -> Any:
    parameters = llama_cpp.llama_model_default_params()
    parameters.n_gpu_layers = _EVERY_LAYER if options.gpu_layers < 0 else options.gpu_layers
    modes = {
        (False, False): llama_cpp.LLAMA_LOAD_MODE_NONE,
        (False, True): llama_cpp.LLAMA_LOAD_MODE_MLOCK,
        (True, False): llama_cpp.LLAMA_LOAD_MODE_MMAP,
        (True, True): llama_cpp.LLAMA_LOAD_MODE_MMAP_MLOCK,
    }
    parameters.load_mode = modes[options.use_mmap, options.use_mlock]
    return parameters


def disarmed(text: str, control_words: Sequence[str]) -> str:
    """The text with every control word of the template broken up, so that nobody can forge a turn from inside one."""
    for word in control_words:
        if len(word) > 1 and word in text:
            text = text.replace(word, f"{word[0]} {word[1:]}")
    return text
