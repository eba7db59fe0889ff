"""The brain: one language model behind OpenAI's HTTP interface. It calls nobody, unless the owner names a server that thinks for it.

A runtime is one file in this folder, named after the suffix of the model files that it opens (`gguf.py` opens `*.gguf`), with a
class `Runtime` derived from the one below. It is imported only when a model of that suffix is served. It knows the model's own
words - tokens, template, sampling - and who is served when; it knows nothing of HTTP from outside. What it must do:

- `prepare` turns a request into what the model reads, with the texts of chat turns unable to forge the template's control words;
- `submit` takes a place in the queue and returns at once; the `Answer` yields the text as it grows, and an empty piece every
  quarter of a second or so while there is none. Closing it at any point frees its place within one step of the model;
- where the request has tools, a call stands in the answer's text as `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`;
- all of it may be called from any thread.

`Engine` is the same without HTTP: `from agent.brain import Engine`.
"""

from __future__ import annotations

import abc
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from agent.brain.inprocess import Engine as Engine
else:

    def __getattr__(name: str) -> Any:
        """`Engine` stands above all that this module declares, hence it is imported only when it is asked for."""
        if name != "Engine":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return importlib.import_module(f"{__name__}.inprocess").Engine


Priority = Literal["interactive", "background"]


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A tool that the model wants called."""

    id: str
    name: str
    arguments: str  # a JSON object as text


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool that the model may have called."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)  # JSON Schema of an object


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One turn of a chat."""

    role: str  # system, user, assistant or tool
    text: str
    calls: tuple[ToolCall, ...] = ()  # of an assistant's turn
    call_id: str = ""  # of a tool's turn: which call it answers


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of the model: either turns of a chat, or a prompt to go on from as it stands."""

    turns: tuple[Turn, ...] = ()
    prompt: str = ""
    max_tokens: int | None = None  # None: as many as the context leaves
    temperature: float = 0.7  # 0: always the likeliest token
    top_k: int = 40  # 0: all
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0  # 1: none; llama.cpp's
    repeat_last_n: int = 64  # tokens that the three penalties look back on; -1: the whole context
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()  # token, what is added to its logit
    seed: int | None = None  # None: another one each time
    stop: tuple[str, ...] = ()
    logprobs: int | None = (
        None  # None: not told; else how many of the likeliest tokens are told beside the chosen one
    )
    schema: Mapping[str, Any] | None = None  # JSON Schema that the answer must obey; {}: any JSON object
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"  # auto, none, required, or the name of the one tool to call
    parallel_calls: bool = True  # whether one answer may call several times
    chunk: int | None = None  # most prompt tokens of one step; None: what suits the box


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A request as the model reads it, known to fit."""

    request: Request
    tokens: tuple[int, ...]
    rules: object = None  # what the runtime made of the request's schema or tools


@dataclass(frozen=True, kw_only=True)
class Asker:
    """On whose behalf a request comes, for the order of service."""

    priority: Priority = "interactive"
    person: str = ""  # all that are not named share one place


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token of the answer and how likely it was (natural logarithm, over the whole vocabulary, before sampling)."""

    data: bytes
    logprob: float
    likeliest: tuple[tuple[bytes, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of the answer. The last one has `finish`, and the counts."""

    text: str = ""
    finish: str = (
        ""  # "stop": the model ended, or a stop string came; "length": max_tokens or the context ended it
    )
    tokens: tuple[Token, ...] = ()  # only if the request asks for logprobs
    prompt_tokens: int = 0
    reused_tokens: int = 0  # those of the prompt that were still computed from before
    answer_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Queue:
    """How busy a model is."""

    waiting: int = 0  # requests of which nothing is computed yet
    working: int = 0  # requests that have begun, paused ones too
    paused: int = 0
    seconds: float = 0.0  # estimate: from now to the first word of an interactive request that came now


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a model is loaded. What `fit` decides for this box."""

    context: int = 4096  # longest prompt and answer of one conversation, in tokens
    cells: int = 0  # tokens that all conversations together may hold in memory; 0: as many as `context`
    sequences: int = 8  # conversations kept in memory at once
    parallel: int = 4  # answers that grow at once
    threads: int = 1
    batch: int = 512  # most tokens of one step
    kv_type: str = "f16"  # of the memory of what was read: f16 or q8_0
    gpu_layers: int = 0  # -1: all
    use_mmap: bool = True
    use_mlock: bool = False
    offload_kqv: bool = True  # the memory of what was read lies where the layers are
    queue: int = 24  # requests that may wait
    saved: Path | None = None  # folder for conversations kept over a restart; None: none are
    saved_bytes: int = 0  # most that they may take on the disk


class Answer(abc.ABC):
    """An answer on its way. Iterate it in one thread; close it in any, as often as you like."""

    @abc.abstractmethod
    def __iter__(self) -> Iterator[Piece]:
        """The pieces as they come; the last has `finish`. It ends without one only after `close`.

        Raises:
            ModelError: The model broke down over it.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Nobody waits for it any more."""

    @property
    @abc.abstractmethod
    def seconds(self) -> float:
        """Estimate made when it was submitted: seconds from then to its first word."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Runtime(abc.ABC):
    """One model that answers."""

    context: int  # tokens of prompt and answer together

    @abc.abstractmethod
    def prepare(self, request: Request) -> Prompt:
        """The request as the model reads it.

        Raises:
            RequestError: It does not fit into the context, or the model's template does not take these turns.
        """

    @abc.abstractmethod
    def submit(self, prompt: Prompt, asker: Asker) -> Answer:
        """Takes a place in the queue.

        Raises:
            UnavailableError: Too many wait already; `retry_after` is an honest estimate.
        """

    @abc.abstractmethod
    def queue(self) -> Queue:
        """How busy it is now."""

    @abc.abstractmethod
    def info(self) -> dict[str, Any]:
        """What it says of itself at `/info`, in JSON's types."""

    @abc.abstractmethod
    def close(self) -> None:
        """Ends all answers and gives the memory back."""
