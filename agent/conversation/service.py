"""Conversation over HTTP: the only file here that knows routes.

Owns: the routes, their limits, and putting the room's parts together.
Does not know: how a message is answered or kept; see the README for the order of reading.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, Response, request
from flask.typing import ResponseReturnValue

from agent import logs
from agent.conversation import desk, journal
from agent.conversation.channels import Channels
from agent.conversation.desk import Desk
from agent.conversation.history import History
from agent.conversation.inbox import Inbox
from agent.conversation.limits import Limits
from agent.conversation.notes import Notes
from agent.conversation.outbox import Outbox
from agent.conversation.people import People
from agent.conversation.schema import migrations
from agent.conversation.streams import Streams
from agent.conversation.thinking import Thinking
from agent.conversation.worker import Worker
from agent.errors import NotFoundError, RequestError
from agent.message import Message
from agent.settings import Settings
from agent.store import Store
from agent.wire import serve
from agent.wire.call import client

_log = logging.getLogger(__name__)

LONGEST_WAIT_S = 25.0
_SIGN_OF_LIFE_S = 10.0
_WORKERS = 4
_BASE64_GROWTH = 1.4
_LONGEST_TEXT = 1_000_000  # characters
_BRAIN_READ_S = 600.0  # a slow board thinks long before its first word


@dataclass(frozen=True, kw_only=True)
class Room:
    """The parts of this service, put together."""

    store: Store
    people: People
    inbox: Inbox
    outbox: Outbox
    history: History
    streams: Streams
    worker: Worker
    notes: Notes
    channels: Channels
    desk: Desk


def main(settings: Settings) -> None:
    """Serves until SIGTERM."""
    room = furnish(settings)
    recovered = room.inbox.recover()
    logs.event(_log, "inbox.recovered", messages=recovered)
    room.worker.start(_WORKERS)
    room.notes.start()
    serve.run(create_app(settings, room), settings.text("conversation.url"))


def furnish(settings: Settings) -> Room:
    """Opens the database and puts the parts together; no thread runs yet."""
    store = Store(settings.home / "conversation.db", migrations)
    people = People(store)
    inbox, outbox = Inbox(store, people, _limits(settings)), Outbox(store)
    history, streams, channels = History(store), Streams(), Channels()
    thinking = Thinking(
        client(settings, "brain", read_timeout=_BRAIN_READ_S),
        client(settings, "recall"),
        passages=settings.number("recall.passages"),
        longest_answer=settings.number("conversation.max_answer"),
    )
    worker = Worker(
        inbox=inbox, outbox=outbox, streams=streams, thinking=thinking, history=history, people=people
    )
    notes = Notes(
        store,
        outbox,
        thinking,
        after=settings.number("conversation.note_after") * 60.0,
        longest_answer=settings.number("conversation.max_answer"),
    )
    return Room(
        store=store,
        people=people,
        inbox=inbox,
        outbox=outbox,
        history=history,
        streams=streams,
        worker=worker,
        notes=notes,
        channels=channels,
        desk=Desk.on(store, people, inbox, channels, worker.wake),
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        sender_hour=settings.number("conversation.sender_hour"),
        sender_day=settings.number("conversation.sender_day"),
        thread_run=settings.number("conversation.thread_run"),
        house_hour=settings.number("conversation.house_hour"),
    )


def create_app(settings: Settings, room: Room) -> Flask:
    """The service as a Flask application."""
    largest = (
        int(settings.number("conversation.max_message") * serve.MEGABYTE * _BASE64_GROWTH) + serve.MEGABYTE
    )
    app = serve.service(
        "conversation",
        settings.text("conversation.url"),
        settings.secret("conversation.token"),
        max_body=largest,
        info=lambda: _info(room),
    )
    app.register_blueprint(_messages(room))
    app.register_blueprint(_replies(room))
    app.register_blueprint(_people(room))
    app.register_blueprint(_channels(room))
    app.register_blueprint(desk.routes(room.desk))
    return app


def _info(room: Room) -> dict[str, Any]:
    inbox, outbox = room.inbox.counts(), room.outbox.counts()
    waiting = inbox.get("received", 0)
    return {
        "ready": True,
        "state": f"{waiting} messages wait" if waiting else "nothing waits",
        "owner": room.people.has_owner(),
        "waiting": waiting,
        "answering": inbox.get("claimed", 0),
        "outgoing": outbox.get("answered", 0) + outbox.get("sending", 0),
        "failed": outbox.get("failed", 0),
        "refused": inbox.get("refused", 0),
    }


def _messages(room: Room) -> Blueprint:
    routes = Blueprint("messages", __name__)

    @routes.post("/messages")
    def receive() -> ResponseReturnValue:
        message = Message.from_json(serve.json_body())
        if not (message.channel and message.native_id and message.sender):
            raise RequestError("A message needs a channel, a native id and a sender.")
        if len(message.text) > _LONGEST_TEXT:
            raise RequestError("The text is too long.", hint="Send it as a file.", param="text")
        state = room.inbox.receive(message)
        room.worker.wake()
        return {"id": message.id, "state": state}, 202

    @routes.get("/messages")
    def list_messages() -> ResponseReturnValue:
        person, channel = request.args.get("person", ""), request.args.get("channel", "")
        return {"messages": room.history.of_person(person, channel, _count("limit", 50, 500))}

    @routes.get("/messages/<message_id>")
    def show(message_id: str) -> ResponseReturnValue:
        received, reply = room.inbox.find(message_id), room.outbox.find(message_id)
        return {
            "id": message_id,
            "state": received.state,
            "reason": received.reason,
            "reply": reply.to_json() if reply else None,
        }

    @routes.get("/messages/<message_id>/events")
    def watch(message_id: str) -> ResponseReturnValue:
        room.inbox.find(message_id)
        return Response(
            _events(room, message_id), mimetype="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    @routes.get("/journal")
    def tell() -> ResponseReturnValue:
        with room.store.reading() as db:
            return {"events": [event.to_json() for event in journal.newest(db, _count("limit", 100, 1000))]}

    return routes


def _replies(room: Room) -> Blueprint:
    routes = Blueprint("replies", __name__)

    @routes.get("/replies")
    def fetch() -> ResponseReturnValue:
        wait = min(float(_count("wait", 0, 3600)), LONGEST_WAIT_S)
        channel, account = request.args.get("channel", ""), request.args.get("account", "")
        replies = room.outbox.waiting(channel, wait, account=account, others=request.args.getlist("others"))
        return {"replies": [reply.to_json() for reply in replies]}

    @routes.post("/replies/<reply_id>/<any(sending, sent, failed, retry):step>")
    def move(reply_id: str, step: str) -> ResponseReturnValue:
        body = serve.json_body()
        state = "answered" if step == "retry" else step
        reason, after = str(body.get("reason", "")), float(body.get("after", 0))
        return room.outbox.step(reply_id, state, reason=reason, after=after).to_json()

    return routes


def _people(room: Room) -> Blueprint:
    routes = Blueprint("people", __name__)

    @routes.get("/people")
    def everybody() -> ResponseReturnValue:
        return {"people": [person.to_json() for person in room.people.everybody()]}

    @routes.post("/people")
    def add() -> ResponseReturnValue:
        body = serve.json_body()
        addresses = [(str(kind), str(address)) for kind, address in body.get("addresses", [])]
        person = room.people.add(
            _word(body, "name"), str(body.get("role", "member")), addresses, str(body.get("password", ""))
        )
        return person.to_json(), 201

    @routes.post("/people/claim")
    def claim() -> ResponseReturnValue:
        body = serve.json_body()
        addresses = [("mail", _word(body, "address"))]
        if body.get("console"):
            addresses.append(("console", str(body["console"])))
        return room.people.claim(_word(body, "name"), addresses, _word(body, "password")).to_json(), 201

    @routes.post("/people/verify")
    def verify() -> ResponseReturnValue:
        body = serve.json_body()
        return room.people.verify(_word(body, "address"), _word(body, "password")).to_json()

    @routes.get("/people/known")
    def known() -> ResponseReturnValue:
        person = room.people.known(request.args.get("kind", ""), request.args.get("address", ""))
        if person is None:
            raise NotFoundError("Nobody the house knows has this address.")
        return person.to_json()

    @routes.post("/people/<person_id>/password")
    def password(person_id: str) -> ResponseReturnValue:
        room.people.set_password(person_id, _word(serve.json_body(), "password"))
        return {}

    @routes.delete("/people/<person_id>")
    def remove(person_id: str) -> ResponseReturnValue:
        room.people.remove(person_id)
        room.inbox.turn_away(person_id)
        room.worker.wake()
        return {}

    return routes


def _channels(room: Room) -> Blueprint:
    routes = Blueprint("channels", __name__)

    @routes.get("/channels")
    def everything() -> ResponseReturnValue:
        return {"channels": room.channels.everything()}

    @routes.post("/channels/<channel>")
    def report(channel: str) -> ResponseReturnValue:
        return {"again": room.channels.report(channel[:50], serve.json_body())}

    @routes.post("/channels/<channel>/again")
    def again(channel: str) -> ResponseReturnValue:
        room.channels.again(channel[:50], _word(serve.json_body(), "account"))
        return {}

    return routes


def _events(room: Room, message_id: str) -> Iterator[str]:
    if decided := _last_event(room, message_id):
        yield decided
        return
    for piece in room.streams.watch(message_id, _SIGN_OF_LIFE_S):
        yield _event(piece) if piece else ": still here\n\n"
        if piece is None and (last := _last_event(room, message_id)):
            yield last
            return
    yield _last_event(room, message_id) or _event({"reset": True})


def _last_event(room: Room, message_id: str) -> str:
    reply = room.outbox.find(message_id)
    if reply:
        return _event({"reply": reply.to_json()})
    received = room.inbox.find(message_id)
    return _event({"refused": received.reason}) if received.state == "refused" else ""


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"


def _word(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise RequestError(f"{name!r} is needed.", param=name)
    return value


def _count(name: str, default: int, most: int) -> int:
    given = request.args.get(name, str(default))
    if not given.isdigit():
        raise RequestError(f"{name!r} must be a whole number.", param=name)
    return min(int(given), most)
