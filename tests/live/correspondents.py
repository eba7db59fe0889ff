"""Others who write to the house by mail, for tests of loops: somebody whose mailbox answers by itself, and a gateway.

Owns: looking into a mailbox and sending, in a thread, for as long as the `with` block lasts.
Does not know: Nisse; what is answered, and with which fields, the test says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

from tests.live.house_at_work import House
from tests.live.postoffice import PostOffice

_LOOK_S = 0.2


class Correspondent:
    """Does something with each mail that arrives in a mailbox."""

    def __init__(self, office: PostOffice, address: str, react: Callable[[EmailMessage], None]) -> None:
        """Does nothing yet.

        Args:
            office: Where the mailbox is.
            address: Whose mailbox it is.
            react: Called with each mail, once.
        """
        self._office, self._address, self._react = office, address, react
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"at {address}", daemon=True)
        self._last = 0
        self.seen = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_S):
            for mail in self._new():
                self.seen += 1
                self._react(mail)

    def _new(self) -> list[EmailMessage]:
        # By uid, as others move mails about in the same mailbox.
        with self._office.imap(self._address) as client:
            client.select_folder("INBOX", readonly=True)
            uids = sorted(uid for uid in client.search("ALL") if uid > self._last)
            found: dict[int, Any] = client.fetch(uids, ["BODY.PEEK[]"]) if uids else {}
        self._last = max([self._last, *uids])
        parsed = (
            message_from_bytes(found[uid][b"BODY[]"], policy=policy.default) for uid in uids if uid in found
        )
        return [mail for mail in parsed if isinstance(mail, EmailMessage)]


class Answering:
    """A house whose questions are answered as they come, in the worker's place."""

    def __init__(self, house: House) -> None:
        """Does nothing yet."""
        self._house = house
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="answering", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(30)

    def _run(self) -> None:
        room, number = self._house.room, 0
        while not self._ended.wait(_LOOK_S):
            while received := room.inbox.claim(interactive_only=False):
                number += 1
                text = received.message.problem or f"Answer {number}."
                room.outbox.answer(received, text, (), remember=False)
