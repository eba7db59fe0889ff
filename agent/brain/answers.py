"""The answers to one call, which may be several at once: taking their places in the queue, and listening to all of them.

Owns: a seed for each, and that one which waits does not hold up those that speak.
Does not know: whether the call came over HTTP, nor what its answers are written as.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from agent.brain import Answer, Asker, Piece, Prompt, Runtime
from agent.brain.dialect.asking import Call
from agent.errors import ModelError


def asked(runtime: Runtime, call: Call, asker: Asker, held: contextlib.ExitStack) -> list[Answer]:
    """Takes a place in the queue for each answer that is wanted.

    Args:
        runtime: Who answers.
        call: What is asked.
        asker: On whose behalf.
        held: Gives all places back when it is closed.

    Raises:
        RequestError: A prompt does not fit.
        UnavailableError: Too many wait already.
    """
    prompts = [runtime.prepare(each) for each in call.requests]
    answers = []
    for prompt in prompts:
        for number in range(call.n):
            answers.append(runtime.submit(_variant(prompt, number), asker))
            held.callback(answers[-1].close)
    return answers


def pieces(answers: Sequence[Answer]) -> Iterator[tuple[int, Piece]]:
    """The pieces of all answers as they come, each with the number of its answer."""
    return _numbered(answers[0]) if len(answers) == 1 else _interleaved(answers)


def broken_off() -> ModelError:
    """The error for an answer that came to no end."""
    return ModelError("The model stopped in the middle of an answer.", hint="Ask again.", retry_after=5)


def _variant(prompt: Prompt, number: int) -> Prompt:
    """The same prompt for another answer: with a seed, each has one of its own, and all come again with that seed."""
    seed = prompt.request.seed
    if seed is None or number == 0:
        return prompt
    return replace(prompt, request=replace(prompt.request, seed=(seed + number) % 2**32))


def _numbered(answer: Answer) -> Iterator[tuple[int, Piece]]:
    return ((0, piece) for piece in answer)


def _interleaved(answers: Sequence[Answer]) -> Iterator[tuple[int, Piece]]:
    """Listens to each answer in a thread of its own, since one that waits in the queue must not hold up those that speak."""
    heard: queue.SimpleQueue[tuple[int, Piece | BaseException | None]] = queue.SimpleQueue()

    def listen(index: int, answer: Answer) -> None:
        try:
            for piece in answer:
                heard.put((index, piece))
        except BaseException as failed:  # noqa: BLE001 - it is raised again by who waits for the answer
            heard.put((index, failed))
        else:
            heard.put((index, None))

    for index, answer in enumerate(answers):
        threading.Thread(target=listen, args=(index, answer), name="listening", daemon=True).start()
    speaking = len(answers)
    while speaking:
        index, piece = heard.get()
        if isinstance(piece, BaseException):
            raise piece
        if piece is None:
            speaking -= 1
        else:
            yield index, piece
