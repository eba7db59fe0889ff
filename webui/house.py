"""What the portal asks the services, with patience for those that do not answer.

Owns: which routes the portal uses, how long it waits for each, and calm words for a service that is away.
Does not know: pages or sessions.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.errors import (
    ConflictError,
    NisseError,
    NotFoundError,
    RequestError,
    StorageError,
    UnavailableError,
)
from agent.message import Message, Person
from agent.settings import Settings
from agent.wire.call import Client, client

SERVICES = ("brain", "recall", "conversation", "updates")
_QUICK_S = 4.0  # a page must not hang on a service that does
_UPLOAD_S = 600.0  # a long PDF on a small board
_STREAM_S = 120.0  # conversation gives a sign of life more often
_SHOWN = 50

_TASKS = {
    "brain": "The part that thinks",
    "recall": "The part that keeps documents",
    "conversation": "The part that receives messages",
    "updates": "The part that fetches models",
}


@dataclass(frozen=True, kw_only=True)
class Note:
    """What one service says of itself."""

    service: str
    task: str
    ready: bool
    sentence: str
    facts: dict[str, Any] = field(default_factory=dict)


class House:
    """The services, as the portal sees them."""

    def __init__(self, settings: Settings) -> None:
        self.clients: dict[str, Client] = {name: client(settings, name) for name in SERVICES}
        self._stream = client(settings, "conversation", read_timeout=_STREAM_S)
        self._people: tuple[float, dict[str, Person]] = (0.0, {})
        self._lock = threading.Lock()

    def close(self) -> None:
        """Ends all connections."""
        for each in (*self.clients.values(), self._stream):
            each.close()

    @property
    def conversation(self) -> Client:
        """The client of conversation."""
        return self.clients["conversation"]

    def note(self, service: str) -> Note:
        """What a service says of itself; never raises."""
        task = _TASKS[service]
        try:
            facts = self.clients[service].get("/info", timeout=_QUICK_S)
        except NisseError:
            sentence = f"{task} is not awake yet. If this lasts longer than a few minutes, restart the box."
            return Note(service=service, task=task, ready=False, sentence=sentence)
        sentence = str(facts.get("state", ""))
        return Note(
            service=service, task=task, ready=bool(facts.get("ready", True)), sentence=sentence, facts=facts
        )

    def has_owner(self) -> bool | None:
        """Whether somebody claimed the house; None while conversation does not answer."""
        note = self.note("conversation")
        return bool(note.facts["owner"]) if "owner" in note.facts else None

    def people(self) -> list[Person]:
        """Everybody in the household."""
        return [
            Person.from_json(person)
            for person in self.conversation.get("/people", timeout=_QUICK_S)["people"]
        ]

    def is_member(self, person: str, *, newest: bool = False) -> bool | None:
        """Whether this person still belongs to the household, as known within the last half minute; None: nobody can say."""
        with self._lock:
            asked_at, known = self._people
            if newest or time.monotonic() - asked_at > 30 or person not in known:
                try:
                    known = {member.id: member for member in self.people()}
                except NisseError:
                    return None
                self._people = (time.monotonic(), known)
            return person in known

    def claim(self, name: str, address: str, password: str, console: str) -> Person:
        """Makes the first owner."""
        body = {"name": name, "address": address, "password": password, "console": console}
        return Person.from_json(self.conversation.post("/people/claim", body))

    def verify(self, address: str, password: str) -> Person:
        """Who logs in with this address and password."""
        return Person.from_json(
            self.conversation.post("/people/verify", {"address": address, "password": password})
        )

    def send(self, message: Message) -> str:
        """Hands a message in; its id."""
        return str(self.conversation.post("/messages", message.to_json())["id"])

    def exchanges(self, person: str) -> list[dict[str, Any]]:
        """What a person said at the portal and was answered, oldest first."""
        found = self.conversation.get(
            "/messages", timeout=_QUICK_S, person=person, channel="portal", limit=_SHOWN
        )
        return list(found["messages"])

    def timeline(self, person: str, *, everybody: bool, before: float) -> dict[str, Any]:
        """What came in by mail, newest first, and what an owner has to decide; of others' mails only what is not private."""
        return dict(
            self.conversation.get(
                "/timeline",
                timeout=_QUICK_S,
                person=person,
                everybody=int(everybody),
                before=before,
                limit=_SHOWN,
            )
        )

    def events(self, message_id: str) -> Iterator[str]:
        """The stream of an answer, as JSON texts."""
        return self._stream.events(f"/messages/{message_id}/events")

    def delivering(self, reply_id: str) -> None:
        """The reply is about to be shown. One that was shown before is no matter."""
        self._step(reply_id, "sending")

    def delivered(self, reply_id: str) -> None:
        """The reply was shown."""
        self._step(reply_id, "sent")

    def documents(self, person: str) -> list[dict[str, Any]]:
        """The house's documents and this person's."""
        return list(self.clients["recall"].get("/documents", timeout=_QUICK_S, person=person)["documents"])

    def learn(self, document: dict[str, Any]) -> dict[str, Any]:
        """Gives recall a document to read; what it made of it."""
        return dict(self.clients["recall"].post("/documents", document, timeout=_UPLOAD_S))

    def forget(self, document_id: str) -> None:
        """Takes a document away."""
        self.clients["recall"].delete(f"/documents/{document_id}")

    def models(self) -> list[dict[str, Any]]:
        """The models of the catalogue that this box has, wants or fetches; none while updates is away."""
        try:
            return list(self.clients["updates"].get("/models", timeout=_QUICK_S)["models"])
        except NisseError:
            return []

    def journal(self, limit: int) -> list[dict[str, Any]]:
        """The last events, newest first; none while conversation is away."""
        try:
            return list(self.conversation.get("/journal", timeout=_QUICK_S, limit=limit)["events"])
        except NisseError:
            return []

    def accounts(self, channel: str) -> list[dict[str, Any]]:
        """How a channel's accounts are, as it last said; none while conversation is away or the channel was not heard of."""
        try:
            told = self.conversation.get("/channels", timeout=_QUICK_S)["channels"]
        except NisseError:
            return []
        return [account for one in told if one["channel"] == channel for account in one["accounts"]]

    def try_again(self, channel: str, account: str) -> None:
        """Has a channel try a stopped account again."""
        self.conversation.post(f"/channels/{channel}/again", {"account": account}, timeout=_QUICK_S)

    def _step(self, reply_id: str, step: str) -> None:
        # Whoever can read the answer shall read it, also on a full disk: it is marked when it is shown again.
        with contextlib.suppress(ConflictError, NotFoundError, StorageError, UnavailableError):
            self.conversation.post(f"/replies/{reply_id}/{step}", timeout=_QUICK_S)


def calm(error: NisseError) -> tuple[str, str]:
    """An error as a sentence and a hint for somebody who never saw a terminal."""
    if error.key == "unreachable":
        return (
            "This part of the house is not awake yet.",
            "Wait a minute and try again; the page “Health” shows how it is.",
        )
    if isinstance(error, RequestError) or error.hint:
        return error.message, error.hint
    return error.message, "Try again in a minute. If it stays so, the page “Health” shows more."
