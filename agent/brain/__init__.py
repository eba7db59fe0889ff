"""The brain: one language model behind OpenAI's HTTP interface. It calls nobody.

A runtime is one file in this folder, named after the suffix of the model files that it opens (`gguf.py` opens `*.gguf`), with a
class `Runtime` derived from the one below. It is imported only when a model of that suffix is served. It knows the model's own
words - tokens, template, sampling - and nothing of HTTP, queues or people. What it must do:

- `_tokens` turns a request into tokens, with the texts of chat turns unable to forge the template's control words;
- `_generate` yields the answer as it grows, and an empty piece every half second or so while it reads the prompt; it asks
  `wanted()` as often, and simply stops when nobody waits; closing it at any point leaves it fit for the next request;
- only one `_generate` runs at a time (the scheduler sees to it), while `_tokens` may be called from any thread.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ModelError, NisseError, RequestError


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One turn of a chat."""

    role: str  # system, user or assistant
    text: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of the model: either turns of a chat, or a prompt to go on from as it stands."""

    turns: tuple[Turn, ...] = ()
    prompt: str = ""
    max_tokens: int | None = None  # None: as many as the context leaves
    temperature: float = 0.7  # 0: always the likeliest token
    top_p: float = 0.95
    repeat_penalty: float = 1.0  # 1: none; llama.cpp's
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None  # None: another one each time
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A request in the model's tokens, known to fit."""

    request: Request
    tokens: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of the answer. The last one has `finish`, and the counts."""

    text: str = ""
    finish: str = (
        ""  # "stop": the model ended, or a stop string came; "length": max_tokens or the context ended it
    )
    prompt_tokens: int = 0
    reused_tokens: int = 0  # those of the prompt that were still computed from before
    answer_tokens: int = 0


class Runtime(abc.ABC):
    """One loaded model."""

    def __init__(self, path: Path, *, context: int, threads: int) -> None:
        """Loads the model.

        Args:
            path: The model's first file.
            context: Longest prompt and answer together, in tokens.
            threads: Threads that compute.

        Raises:
            ModelError: It does not load; the message says why as far as the library told.
        """
        self.path = path
        self.context = context
        self.threads = threads
        try:
            self._load()
        except NisseError:
            raise
        except Exception as failed:
            raise ModelError(f"{path.name} does not load: {failed}.") from failed

    def prepare(self, request: Request) -> Prompt:
        """The request in tokens.

        Raises:
            RequestError: It does not fit into the context, or the model's template does not take these turns.
        """
        tokens = tuple(self._tokens(request))
        if not tokens:
            raise RequestError("The prompt is empty.", param="prompt")
        if len(tokens) >= self.context:
            raise RequestError(
                f"The prompt has {len(tokens)} tokens; this model takes at most {self.context - 1}.",
                hint="Send a shorter one, or raise brain.context.",
                param="messages" if request.turns else "prompt",
            )
        return Prompt(request=request, tokens=tokens)

    def generate(self, prompt: Prompt, wanted: Callable[[], bool]) -> Iterator[Piece]:
        """The answer in pieces, as they come; the last has `finish`, unless it was not wanted any more.

        Args:
            prompt: What `prepare` made of the request.
            wanted: Asked between tokens whether anybody still waits for the answer.

        Raises:
            ModelError: The model broke down over it.
        """
        try:
            yield from self._generate(prompt, wanted)
        except NisseError:
            raise
        except Exception as failed:
            raise ModelError(f"The model broke off: {failed}.", hint="Try again.", retry_after=5) from failed

    @abc.abstractmethod
    def close(self) -> None:
        """Gives the memory back."""

    @abc.abstractmethod
    def _load(self) -> None: ...

    @abc.abstractmethod
    def _tokens(self, request: Request) -> list[int]: ...

    @abc.abstractmethod
    def _generate(self, prompt: Prompt, wanted: Callable[[], bool]) -> Iterator[Piece]: ...
