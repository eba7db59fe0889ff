"""The brain over HTTP: OpenAI's completions and models, one answer at a time, those who wait in person first.

Owns: the routes, the stream, and noticing that a client has hung up.
Does not know: the form of OpenAI's JSON (`completions`), which model answers (`loading`), nor how (`gguf`).
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, cast, get_args

import prometheus_client
from flask import Flask, Response, request, stream_with_context
from flask.typing import ResponseReturnValue

from agent import logs
from agent.brain import Piece, Prompt, box
from agent.brain.completions import Writer, read
from agent.brain.loading import Loaded, Loader, Wish
from agent.brain.scheduler import Priority, Scheduler, Ticket
from agent.errors import NisseError, RequestError
from agent.models import catalogue
from agent.models.shelf import Shelf
from agent.settings import Settings
from agent.wire import serve

_log = logging.getLogger(__name__)

_MAX_BODY = 8 * serve.MEGABYTE
_HEARTBEAT_S = 5.0  # between comments on a stream that has nothing to say
_LOOK_S = 0.25  # between looks whether a waiting client is still there
_SPARE_THREADS = 8  # of the server: they answer /info and refusals while others wait

_tokens = prometheus_client.Counter("nisse_brain_tokens_total", "Tokens worked on", ["kind"])
_queue = prometheus_client.Gauge("nisse_brain_waiting", "Questions that wait for the model")


def main(settings: Settings) -> None:
    """Serves until SIGTERM."""
    wish = Wish(
        named=settings.text("brain.model"),
        memory=box.memory(),
        reserve=settings.number("brain.reserve"),
        context=settings.number("brain.context"),
        threads=settings.number("brain.threads") or box.cores(),
    )
    loader = Loader(catalogue.load(), Shelf(settings.models_folder), wish)
    loader.start()
    serve.run(create_app(settings, loader), settings.text("brain.url"))


def create_app(settings: Settings, loader: Loader) -> Flask:
    """The application.

    Args:
        settings: The values in force.
        loader: Brings the model; started by the caller.
    """
    scheduler = Scheduler(min(settings.number("brain.queue"), serve.THREADS - _SPARE_THREADS))
    _queue.set_function(lambda: scheduler.waiting)
    app = serve.service(
        "brain",
        settings.text("brain.url"),
        settings.secret("brain.token"),
        max_body=_MAX_BODY,
        info=lambda: {**loader.info(), "waiting": scheduler.waiting, "working": scheduler.working},
    )

    @app.get("/v1/models")
    def models() -> ResponseReturnValue:
        return {
            "object": "list",
            "data": [_listed(loader, model) for model in loader.catalogue.of_role("chat")],
        }

    @app.post("/v1/chat/completions")
    def chat() -> ResponseReturnValue:
        return _answer(loader.demand(), scheduler, chat=True)

    @app.post("/v1/completions")
    def complete() -> ResponseReturnValue:
        return _answer(loader.demand(), scheduler, chat=False)

    return app


def _listed(loader: Loader, model: catalogue.Model) -> dict[str, Any]:
    loaded = loader.loaded
    return {
        "id": model.name,
        "object": "model",
        "created": 0,
        "owned_by": "nisse",
        "title": model.title,
        "licence": model.licence,
        "size": model.size,
        "memory": model.memory,
        "context": model.context,
        "quantisation": model.quantisation,
        "parameters": model.parameters,
        "installed": loader.shelf.installed(model),
        "served": loaded is not None and loaded.model.name == model.name,
    }


def _answer(loaded: Loaded, scheduler: Scheduler, *, chat: bool) -> ResponseReturnValue:
    call = read(serve.json_body(), chat=chat, model=loaded.model.name)
    prompt = loaded.runtime.prepare(call.request)
    writer = Writer(
        call=call,
        id=f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
        model=loaded.model.name,
        created=int(time.time()),
    )
    ticket = scheduler.enter(_priority())
    try:
        pieces = _pieces(loaded, prompt, ticket, serve.hung_up)
        if not call.stream:
            return _whole(writer, pieces, ticket)
        answer = Response(stream_with_context(_events(writer, pieces)), content_type="text/event-stream")
    except BaseException:
        ticket.leave()
        raise
    answer.headers["Cache-Control"] = "no-store"
    # The generator's own clean-up never runs if the client is gone before the first piece.
    answer.call_on_close(ticket.leave)
    return answer


def _whole(writer: Writer, pieces: Iterator[Piece], ticket: Ticket) -> ResponseReturnValue:
    try:
        collected = list(pieces)
    finally:
        ticket.leave()
    if not collected or not collected[-1].finish:
        return Response(status=499)  # nobody is there to read it
    return writer.whole(collected)


def _events(writer: Writer, pieces: Iterator[Piece]) -> Iterator[str]:
    spoken = time.monotonic()
    piece = Piece()
    try:
        for piece in pieces:
            chunks = writer.chunks(piece)
            yield from (_event(chunk) for chunk in chunks)
            if chunks:
                spoken = time.monotonic()
            elif time.monotonic() - spoken > _HEARTBEAT_S:
                spoken = time.monotonic()
                yield ": still here\n\n"
    except NisseError as failed:
        logs.event(_log, "answer.broke", level=logging.ERROR, error=failed)
        yield _event(failed.to_json())
        return
    if piece.finish:
        yield "data: [DONE]\n\n"


def _pieces(loaded: Loaded, prompt: Prompt, ticket: Ticket, gone: Callable[[], bool]) -> Iterator[Piece]:
    """The answer in pieces, empty ones while there is nothing; ends early when the client has hung up."""
    try:
        while not ticket.wait(_LOOK_S):
            if gone():
                return
            yield Piece()
        with contextlib.closing(
            cast(Any, loaded.runtime.generate(prompt, wanted=lambda: not gone()))
        ) as generated:
            for piece in generated:
                _count(piece)
                yield piece
    finally:
        ticket.leave()


def _count(piece: Piece) -> None:
    if piece.finish:
        _tokens.labels("prompt").inc(piece.prompt_tokens - piece.reused_tokens)
        _tokens.labels("reused").inc(piece.reused_tokens)
        _tokens.labels("answer").inc(piece.answer_tokens)


def _priority() -> Priority:
    given = request.headers.get("X-Nisse-Priority", "interactive").strip().lower()
    if given not in get_args(Priority):
        raise RequestError("X-Nisse-Priority must be interactive or background.", param="X-Nisse-Priority")
    return cast(Priority, given)


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body, ensure_ascii=False, separators=(',', ':'))}\n\n"
