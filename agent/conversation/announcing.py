"""What the house has to tell its owners, unasked: that an update failed, for example.

Owns: to whom it goes, by which channel, and that the same announcement is made once.
Does not know: what there is to tell, nor how mail is sent.

An announcement is a message of its own whose answer is ready, so that it is sent exactly once by the means that exist. It goes by the
mail account; where there is none, or an owner's address takes no mail, by the door, whose letters are read at the portal.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace

from agent.conversation import bounces
from agent.conversation.channels import Channels
from agent.conversation.inbox import Inbox
from agent.conversation.people import People, comparable
from agent.errors import RequestError, UnavailableError
from agent.message import VERIFIED, Message, Person
from agent.store import Store

RULE = "announcement"  # instead of the rule by which others are decided on

_KEY = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")
_LONGEST_SUBJECT = 150  # characters
_LONGEST_TEXT = 4_000
_HEARD_AFTER_S = 90.0  # a channel says at least so often how it is
_MAIL, _DOOR = "mail", "door"


class Announcing:
    """Announcements in one database."""

    def __init__(
        self, store: Store, people: People, inbox: Inbox, channels: Channels, wake: Callable[[], None]
    ) -> None:
        """Puts the parts together.

        Args:
            store: The database.
            people: Who the owners are.
            inbox: Keeps what is announced.
            channels: Whether there is a mail account.
            wake: There is something to answer.
        """
        self._store = store
        self._people = people
        self._inbox = inbox
        self._channels = channels
        self._wake = wake
        self._since = time.monotonic()

    def announce(self, key: str, subject: str, text: str) -> int:
        """Tells every owner who has a mail address; the same key is told once, ever.

        Args:
            key: Names the announcement: small letters, digits, dots and hyphens.
            subject: In a few words.
            text: All of it.

        Returns:
            How many owners it goes to.

        Raises:
            RequestError: It is too long, or empty.
            UnavailableError: It cannot be said yet whether there is a mail account.
            StorageError: The disk is full; nothing was kept.
        """
        if not _KEY.fullmatch(key):
            raise RequestError("That is no key of an announcement.", param="key")
        for name, words, longest in (("subject", subject, _LONGEST_SUBJECT), ("text", text, _LONGEST_TEXT)):
            if not words.strip() or len(words) > longest:
                raise RequestError(f"{name!r} needs 1 to {longest:,} characters.", param=name)
        owners = [person for person in self._people.everybody() if person.role == "owner" and _mail(person)]
        has_account = self._has_account()
        for person in owners:
            channel = _MAIL if has_account and self._takes_mail(_mail(person)) else _DOOR
            message = _message(key, subject, text, person, channel)
            # Once a mail account is there, what was a letter is not told again.
            if not any(self._inbox.knows(replace(message, channel=one).id) for one in (_MAIL, _DOOR)):
                self._inbox.announce(message, person, RULE)
        self._wake()
        return len(owners)

    def _has_account(self) -> bool:
        told = [one for one in self._channels.everything() if one["channel"] == _MAIL]
        if not told and time.monotonic() - self._since < _HEARD_AFTER_S:
            raise UnavailableError(
                "It is not known yet whether the house has a mail account.",
                hint="Try again in a minute.",
                retry_after=30,
            )
        return any(one["accounts"] for one in told)

    def _takes_mail(self, address: str) -> bool:
        with self._store.reading() as db:
            return not bounces.silenced(db, comparable(_MAIL, address))


def _message(key: str, subject: str, text: str, person: Person, channel: str) -> Message:
    return Message(
        channel=channel,
        native_id=f"{RULE}:{key}:{person.id}",
        sender=_mail(person),
        address_kind=_MAIL,
        subject=" ".join(subject.split()),
        text="",
        thread=f"{RULE}:{key}:{person.id}",
        received_at=time.time(),
        level=VERIFIED,
        problem=text.strip(),
        envelope={"auto_submitted": "auto-generated"},
    )


def _mail(person: Person) -> str:
    return next((address for kind, address in person.addresses if kind == _MAIL), "")
