"""OpenAI's two completion routes: from the body to the answers in the queue, and from their pieces to the client.

Owns: asking the runtime, several answers at once, the stream, and noticing that a client has hung up.
Does not know: the form of OpenAI's JSON (`dialect`), which model answers (`loading`), nor how.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import queue
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast, get_args

import prometheus_client
from flask import Flask, Response, g, request, stream_with_context
from flask.typing import ResponseReturnValue

from agent import logs
from agent.brain import Answer, Asker, Piece, Priority, Prompt
from agent.brain.dialect import fields
from agent.brain.dialect.asking import Call, read
from agent.brain.dialect.writing import Writer
from agent.brain.loading import Loaded, Loader
from agent.errors import ModelError, NisseError, RequestError
from agent.wire import serve

_log = logging.getLogger(__name__)

_HEARTBEAT_S = 5.0  # between comments on a stream that has nothing to say
_ALIVE = ": still here\n\n"
_DONE = "data: [DONE]\n\n"
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_tokens = prometheus_client.Counter("nisse_brain_tokens_total", "Tokens worked on", ["kind"])


def add_routes(app: Flask, loader: Loader) -> None:
    """Adds the routes to an application.

    Args:
        app: The brain's.
        loader: Has the model that answers.
    """

    @app.post("/v1/chat/completions")
    def chat() -> ResponseReturnValue:
        return _answered(loader, chat=True)

    @app.post("/v1/completions")
    def complete() -> ResponseReturnValue:
        return _answered(loader, chat=False)


def _answered(loader: Loader, *, chat: bool) -> ResponseReturnValue:
    body = serve.json_body()
    if fields.flag(body, "reload"):
        with loader.lease() as loaded:  # what is wrong is refused before everybody waits for the model
            read(body, chat=chat, names=_names(loaded))
        loader.reload()
    with contextlib.ExitStack() as held:
        loaded = held.enter_context(loader.lease())
        call = read(body, chat=chat, names=_names(loaded))
        answers = _asked(loaded, call, held)
        writer = Writer(
            call=call,
            id=f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
            model=loaded.model.name,
            created=int(time.time()),
        )
        answer = _streamed(writer, answers, held) if call.stream else _whole(writer, answers)
        answer.headers["X-Nisse-Answer-In"] = str(math.ceil(min(each.seconds for each in answers)))
        return answer


def _asked(loaded: Loaded, call: Call, held: contextlib.ExitStack) -> list[Answer]:
    """Takes a place in the queue for each answer that is wanted; all are given back if one is refused."""
    asker = Asker(priority=_priority(), person=call.person or g.get("key_name", ""))
    prompts = [loaded.runtime.prepare(each) for each in call.requests]
    answers = []
    for prompt in prompts:
        for number in range(call.n):
            answers.append(loaded.runtime.submit(_variant(prompt, number), asker))
            held.callback(answers[-1].close)
    return answers


def _variant(prompt: Prompt, number: int) -> Prompt:
    """The same prompt for another answer: with a seed, each has one of its own, and all come again with that seed."""
    seed = prompt.request.seed
    if seed is None or number == 0:
        return prompt
    return replace(prompt, request=replace(prompt.request, seed=(seed + number) % 2**32))


def _whole(writer: Writer, answers: Sequence[Answer]) -> Response:
    pieces: list[list[Piece]] = [[] for _ in answers]
    for index, piece in _pieces(answers):
        pieces[index].append(piece)
        if serve.hung_up():
            break
    if serve.hung_up():
        return Response(status=499)  # nobody is there to read it
    if not all(each and each[-1].finish for each in pieces):
        raise _broken_off()
    return Response(_json(writer.whole(pieces)), content_type="application/json")


def _streamed(writer: Writer, answers: Sequence[Answer], held: contextlib.ExitStack) -> Response:
    kept = held.pop_all()
    answer = Response(
        stream_with_context(_events(writer, answers)), content_type="text/event-stream; charset=utf-8"
    )
    answer.headers["Cache-Control"] = "no-store"
    # The generator's own clean-up never runs if the client is gone before the first piece.
    answer.call_on_close(kept.close)
    return answer


def _events(writer: Writer, answers: Sequence[Answer]) -> Iterator[str]:
    """The stream. It begins at once, so that the client has the headers while it waits for the first word."""
    yield "".join(map(_event, writer.begin())) or _ALIVE
    spoken = time.monotonic()
    try:
        for index, piece in _pieces(answers):
            if serve.hung_up():
                return
            chunks = writer.chunks(index, piece)
            if chunks:
                spoken = time.monotonic()
                yield "".join(map(_event, chunks))
            elif time.monotonic() - spoken > _HEARTBEAT_S:
                spoken = time.monotonic()
                yield _ALIVE
    except NisseError as failed:
        logs.event(_log, "answer.broke", level=logging.ERROR, error=failed)
        yield _event(failed.to_json())
        return
    except Exception as broken:  # noqa: BLE001 - the status has gone out already: an event has to say it
        _log.error("answer.broke", exc_info=broken)
        yield _event(
            NisseError("Something went wrong inside.", hint="The log of the brain says what.").to_json()
        )
        return
    yield _DONE if writer.finished else _event(_broken_off().to_json())


def _broken_off() -> ModelError:
    return ModelError("The model stopped in the middle of an answer.", hint="Ask again.", retry_after=5)


def _pieces(answers: Sequence[Answer]) -> Iterator[tuple[int, Piece]]:
    """The pieces of all answers as they come, each with the number of its answer."""
    source = _numbered(answers[0]) if len(answers) == 1 else _interleaved(answers)
    for index, piece in source:
        if piece.finish:
            _tokens.labels("prompt").inc(piece.prompt_tokens - piece.reused_tokens)
            _tokens.labels("reused").inc(piece.reused_tokens)
            _tokens.labels("answer").inc(piece.answer_tokens)
        yield index, piece


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


def _names(loaded: Loaded) -> tuple[str, ...]:
    """What people call the model: by our name, and by the file's as GPT4All and others do."""
    model = loaded.model
    files = [file.name for file in model.files[:1]]
    return (model.name, model.title, *files, *(name.rpartition(".")[0] for name in files), *loaded.aliases)


def _priority() -> Priority:
    given = request.headers.get("X-Nisse-Priority", "interactive").strip().lower()
    if given not in get_args(Priority):
        raise RequestError("X-Nisse-Priority must be interactive or background.", param="X-Nisse-Priority")
    return cast(Priority, given)


def _event(body: dict[str, Any]) -> str:
    return f"data: {_json(body)}\n\n"
