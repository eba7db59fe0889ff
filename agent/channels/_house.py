"""The house as a channel sees it: conversation's few routes for messages and replies.

Owns: those routes, and the meaning of their refusals for a channel.
Does not know: any channel, nor when to try again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from agent.errors import AuthenticationError, ForbiddenError, NotFoundError, UnavailableError
from agent.message import Message, Person, Reply
from agent.settings import Settings
from agent.wire.call import client

LONGEST_WAIT_S = 20.0
_POST_S = 120.0  # a large mail on a slow card


class House:
    """Conversation, as one channel talks to it. Safe to use from several threads."""

    def __init__(
        self, settings: Settings, channel: str, *, account: str = "", others: Sequence[str] = ()
    ) -> None:
        """Makes the client; nothing is sent yet.

        Args:
            settings: The values in force.
            channel: The channel's name.
            account: Of a channel with several, the one whose replies are fetched (`envelope["account"]`); empty: all.
            others: In place of `account`: the accounts whose replies are left to them, so that those of none at all are fetched too.
        """
        self.channel = channel
        self._whose = {"account": account} if account else {"others": list(others)} if others else {}
        self.client = client(settings, "conversation")

    def hand_in(self, message: Message) -> str:
        """Hands a message over; once this returns it is safe.

        Returns:
            Its state: received, claimed, answered or refused.

        Raises:
            UnavailableError, StorageError: Not now; hand it in again later.
            TooLargeError: It is larger than conversation takes.
            RequestError: Never, as it stands.
        """
        with _token_errors():
            return str(self.client.post("/messages", message.to_json(), timeout=_POST_S)["state"])

    def replies(self, wait: float = LONGEST_WAIT_S) -> list[Reply]:
        """The replies that are to go out by this channel, oldest first; waits for one if there is none.

        Args:
            wait: Seconds to wait at most.
        """
        with _token_errors():
            answer = self.client.get(
                "/replies", channel=self.channel, wait=int(wait), timeout=wait + 10, **self._whose
            )
        return [Reply.from_json(body) for body in answer["replies"]]

    def sending(self, reply: Reply) -> None:
        """From now on the reply may have gone out.

        Raises:
            ConflictError: It must not be sent any more.
        """
        self._step(reply, "sending")

    def sent(self, reply: Reply) -> None:
        """The reply went out."""
        self._step(reply, "sent")

    def retry(self, reply: Reply, reason: str, after: float) -> None:
        """The reply certainly did not go out, and is to be offered again.

        Args:
            reply: Which reply.
            reason: Why, in words for the owner.
            after: Seconds to wait first.
        """
        self._step(reply, "retry", reason=reason, after=after)

    def failed(self, reply: Reply, reason: str) -> None:
        """The reply can never go out; the owner is shown why."""
        self._step(reply, "failed", reason=reason)

    def returned(self, outgoing_id: str, *, action: str, status: str, said: str) -> bool:
        """A server reports about a reply that went out.

        Args:
            outgoing_id: The reply's own.
            action: What became of it, in the words of RFC 3464, such as failed.
            status: The status code, such as 5.1.1.
            said: The server's words.

        Returns:
            Whether the house has written that reply.
        """
        body = {"outgoing_id": outgoing_id, "action": action, "status": status, "said": said}
        with _token_errors():
            return bool(self.client.post("/replies/returned", body)["known"])

    def known(self, kind: str, address: str) -> Person | None:
        """Whose address this is, or None."""
        try:
            with _token_errors():
                return Person.from_json(self.client.get("/people/known", kind=kind, address=address))
        except NotFoundError:
            return None

    def verify(self, address: str, password: str) -> Person | None:
        """Who logs in with this mail address and password, or None."""
        try:
            body = {"address": address, "password": password}
            return Person.from_json(self.client.post("/people/verify", body))
        except AuthenticationError:
            return None

    def events(self, message_id: str) -> Iterator[str]:
        """What becomes of a message, as it happens: JSON objects with `piece`, `reset`, `reply` or `refused`."""
        return self.client.events(f"/messages/{quote(message_id, safe='')}/events", timeout=60)

    def report(self, accounts: Sequence[Mapping[str, Any]]) -> list[str]:
        """Says how this channel's accounts are; those that somebody wants to be tried again."""
        with _token_errors():
            body = {"accounts": [dict(account) for account in accounts]}
            return list(self.client.post(f"/channels/{self.channel}", body)["again"])

    def _step(self, reply: Reply, step: str, **body: str | float) -> None:
        with _token_errors():
            self.client.post(f"/replies/{quote(reply.id, safe='')}/{step}", body)


@contextlib.contextmanager
def _token_errors() -> Iterator[None]:
    """A refused token is no fault of the message at hand: it can be mended, and the message waits."""
    try:
        yield
    except (AuthenticationError, ForbiddenError) as refused:
        raise UnavailableError(
            "conversation does not let this channel in.", hint="Look at the setting conversation.token."
        ) from refused
