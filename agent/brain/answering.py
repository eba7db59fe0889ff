"""OpenAI's two completion routes: from the body to the answers in the queue, and from their pieces to the client.

Owns: how many calls are open, asking the runtime, the stream, and noticing that a client has hung up.
Does not know: the form of OpenAI's JSON (`dialect`), which model answers (`loading`), nor how.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, cast, get_args

import prometheus_client
from flask import Flask, Response, g, request, stream_with_context
from flask.typing import ResponseReturnValue

from agent import logs
from agent.brain import Answer, Asker, Piece, Priority
from agent.brain.answers import asked, broken_off, pieces
from agent.brain.dialect import fields
from agent.brain.dialect.asking import read
from agent.brain.dialect.writing import Writer
from agent.brain.loading import Loaded, Loader
from agent.errors import ForbiddenError, NisseError, RequestError, UnavailableError
from agent.wire import serve

_log = logging.getLogger(__name__)

# Each open call holds one of the server's threads, whatever it waits for. Embeddings and streams of progress hold up to nine
# more; the rest stay free to refuse others, and to tell how the brain is.
_MOST_OPEN = serve.THREADS - 12
_SOON_S = 5.0
_HEARTBEAT_S = 5.0  # between comments on a stream that has nothing to say
_ALIVE = ": still here\n\n"
_DONE = "data: [DONE]\n\n"
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_tokens = prometheus_client.Counter("nisse_brain_tokens_total", "Tokens worked on", ["kind"])
_answers = prometheus_client.Counter("nisse_brain_answers_total", "Answers given to their end")


def given() -> int:
    """How many answers this process has given to their end."""
    return int(prometheus_client.REGISTRY.get_sample_value("nisse_brain_answers_total") or 0)


def add_routes(app: Flask, loader: Loader) -> None:
    """Adds the routes to an application.

    Args:
        app: The brain's.
        loader: Has the model that answers.
    """

    places = threading.BoundedSemaphore(_MOST_OPEN)

    @app.post("/v1/chat/completions")
    def chat() -> ResponseReturnValue:
        return _answered(loader, places, chat=True)

    @app.post("/v1/completions")
    def complete() -> ResponseReturnValue:
        return _answered(loader, places, chat=False)


def _answered(loader: Loader, places: threading.BoundedSemaphore, *, chat: bool) -> ResponseReturnValue:
    with contextlib.ExitStack() as held:
        _take_place(loader, places, held)
        body = serve.json_body()
        if fields.flag(body, "reload"):
            _reload(loader, body, chat=chat)
        loaded = held.enter_context(loader.lease())
        call = read(body, chat=chat, names=_names(loaded))
        asker = Asker(priority=_priority(), person=call.person or g.get("key_name", ""))
        answers = asked(loaded.runtime, call, asker, held)
        writer = Writer(
            call=call,
            id=f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
            model=loaded.model.name,
            created=int(time.time()),
        )
        answer = _streamed(writer, answers, held) if call.stream else _whole(writer, answers)
        answer.headers["X-Nisse-Answer-In"] = str(math.ceil(min(each.seconds for each in answers)))
        return answer


def _take_place(loader: Loader, places: threading.BoundedSemaphore, held: contextlib.ExitStack) -> None:
    if places.acquire(blocking=False):
        held.callback(places.release)
        return
    seconds = _SOON_S
    with contextlib.suppress(NisseError), loader.lease(patience=0) as loaded:
        seconds = max(1.0, loaded.runtime.queue().seconds)
    raise UnavailableError(
        "Too many questions are open already.", hint="Ask again soon.", retry_after=seconds
    )


def _reload(loader: Loader, body: dict[str, Any], *, chat: bool) -> None:
    if g.get("key_name"):
        raise ForbiddenError("An API key asks questions; it has nobody wait for a model.", param="reload")
    with loader.lease() as loaded:  # what is wrong is refused before everybody waits for the model
        read(body, chat=chat, names=_names(loaded))
    loader.reload()


def _whole(writer: Writer, answers: Sequence[Answer]) -> Response:
    collected: list[list[Piece]] = [[] for _ in answers]
    for index, piece in _counted(answers):
        collected[index].append(piece)
        if serve.hung_up():
            break
    if serve.hung_up():
        return Response(status=499)  # nobody is there to read it
    if not all(each and each[-1].finish for each in collected):
        raise broken_off()
    return Response(_json(writer.whole(collected)), content_type="application/json")


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
        for index, piece in _counted(answers):
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
    yield _DONE if writer.finished else _event(broken_off().to_json())


def _counted(answers: Sequence[Answer]) -> Iterator[tuple[int, Piece]]:
    """The pieces of all answers, counted."""
    for index, piece in pieces(answers):
        if piece.finish:
            _answers.inc()
            _tokens.labels("prompt").inc(piece.prompt_tokens - piece.reused_tokens)
            _tokens.labels("reused").inc(piece.reused_tokens)
            _tokens.labels("answer").inc(piece.answer_tokens)
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
