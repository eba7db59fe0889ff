"""The runtime for GGUF files: llama.cpp, one model in memory, many conversations at once.

Owns: putting the parts of the engine together for one file.
Does not know: HTTP, which model is the right one, or how a step is computed.
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

from agent import brain
from agent.brain import Asker, Options, Prompt, Queue, Request, Turn
from agent.brain.calling import lowered
from agent.brain.llama import grammar, library
from agent.brain.llama.engine import LlamaEngine
from agent.brain.llama.grammar import Rules
from agent.brain.llama.job import Job
from agent.brain.llama.saved import Saved
from agent.brain.llama.weights import Weights
from agent.brain.pressure import Pressure
from agent.errors import ModelError, RequestError
from agent.models import described, gguf_header
from agent.models.shape import Shape

_DAYS_WRITES = 4  # times what may lie on the disk is what may be written to it in a day


def shape(path: Path) -> Shape:
    """A file's own figures, read without its weights.

    Raises:
        ModelError: It is no such file.
    """
    try:
        return described.shape(gguf_header.read(path), path.name)
    except OSError as missing:
        raise ModelError(f"{path.name} cannot be read: {missing.strerror}.") from missing


class Runtime(brain.Runtime):
    """One GGUF file."""

    def __init__(self, path: Path, options: Options) -> None:
        """Loads the model.

        Args:
            path: The file.
            options: How it is loaded.

        Raises:
            ModelError: It does not load; the message says why as far as the library told.
        """
        self.context = options.context
        self._options = options
        self._weights = Weights(path, options)
        saved: Saved | None = None
        try:
            saved = self._open_saved(path, options)
            with contextlib.suppress(
                RequestError
            ):  # translates the template, which takes a moment the first time
                self._weights.chat([Turn(role="user", text="Hello")])
            self._engine = LlamaEngine(
                self._weights, options, threads=Pressure(options.threads).threads, saved=saved
            )
        except BaseException:
            if saved:
                saved.close()
            self._weights.close()
            raise

    def prepare(self, request: Request) -> Prompt:
        """The request in tokens.

        Raises:
            RequestError: It does not fit into the context, the model's template does not take these turns, or what the answer must
                obey is no grammar.
        """
        rules = grammar.rules(request)
        self._check_biases(request)
        if request.turns:
            turns = lowered(request.turns, request.tools, request.tool_choice)
            tokens = self._weights.chat(turns)
        else:
            tokens = self._weights.tokenise(request.prompt, begin=True)
        if not tokens:
            raise RequestError("The prompt is empty.", param="prompt")
        if len(tokens) >= self.context:
            raise RequestError(
                f"The prompt has {len(tokens)} tokens; this model takes at most {self.context - 1}.",
                hint="Send a shorter one, or raise brain.context.",
                param="messages" if request.turns else "prompt",
            )
        return Prompt(request=request, tokens=tuple(tokens), rules=rules)

    def _check_biases(self, request: Request) -> None:
        for token, _ in request.logit_bias:
            if token >= self._weights.size:
                raise RequestError(
                    f"logit_bias names token {token}; this model has {self._weights.size}.",
                    param="logit_bias",
                )

    def submit(self, prompt: Prompt, asker: Asker) -> Job:
        """Takes a place in the queue.

        Raises:
            UnavailableError: Too many wait already.
        """
        rules = prompt.rules if isinstance(prompt.rules, Rules) else None
        return self._engine.submit(prompt, asker, rules)

    def queue(self) -> Queue:
        """How busy it is now."""
        return self._engine.queue()

    def info(self) -> dict[str, Any]:
        """What it says of itself."""
        options = dataclasses.asdict(self._options)
        options.pop("saved")
        return {"runtime": "llama.cpp", "options": options, **self._engine.info()}

    def close(self) -> None:
        """Ends all answers and gives the memory back."""
        self._engine.close()
        self._weights.close()

    def _open_saved(self, path: Path, options: Options) -> Saved | None:
        if options.saved is None or not options.saved_bytes:
            return None
        file = path.stat()
        # What a state holds depends on all of these; a file that was made by others is thrown away.
        made_by = f"{path.name} {file.st_size} {file.st_mtime_ns} {options.kv_type} {options.gpu_layers} {library.build()}"
        return Saved(
            options.saved,
            made_by=made_by,
            most=options.saved_bytes,
            most_a_day=_DAYS_WRITES * options.saved_bytes,
        )
