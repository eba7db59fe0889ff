"""One mail from its folder to the house, whatever is in it: no mail can keep the others waiting.

Owns: what is fetched of a mail, how often it is tried, and what its sender is told when it is given up.
Does not know: which mails are new, or who is answered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent import logs
from agent.channels._house import House
from agent.channels.mail.account import Account
from agent.channels.mail.imap import Facts, Imap
from agent.channels.mail.inhand import InHand
from agent.channels.mail.journal import Journal
from agent.channels.mail.learning import Learning
from agent.channels.mail.origin import Origin
from agent.channels.mail.postponed import Postponed
from agent.errors import NisseError, StorageError, TooLargeError, UnavailableError
from agent.letters import composing, headers, reading, reports
from agent.letters.records import NoAnswerError
from agent.message import Message

_log = logging.getLogger(__name__)

MEGABYTE = 1_000_000
_BEGINNING = 64_000  # bytes of an oversized mail that are read, for its headers and first words
_TRIES = 3  # of a mail on which something breaks; then as many with its headers alone
_UNREADABLE = (
    "I could not read your mail: something in it is broken. Please send it to me again as plain text."
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a mail lies."""

    folder: str
    validity: int  # the folder's UIDVALIDITY
    uid: int


class Handover:
    """Deals with one mail after the other."""

    def __init__(
        self,
        house: House,
        journal: Journal,
        *,
        account: Account,
        origin: Origin,
        learning: Learning,
        postponed: Postponed,
        largest: int,
        on_set_aside: Callable[[], None] = lambda: None,
    ) -> None:
        """Puts the parts together.

        Args:
            house: Where mails are handed in.
            journal: Remembers tries, even if a mail ends the process.
            account: Whose mails they are.
            origin: Says who wrote them.
            learning: Recognises the mail by which the house learns whose stamps to trust.
            postponed: Remembers mails of which that cannot be known yet.
            largest: Largest mail that is read whole, in bytes.
            on_set_aside: Called when a mail was left where it is, for the owner to look at.
        """
        self._house = house
        self._on_set_aside = on_set_aside
        self._journal = journal
        self._in_hand = InHand(journal)
        self._account = account
        self._address = account.address
        self._origin = origin
        self._learning = learning
        self._postponed = postponed
        self._largest = largest

    def take(self, box: Imap, place: Place, since: float) -> float:
        """Deals with a mail; when this returns it is done with, for good or ill.

        Args:
            box: A connection on which its folder is open.
            place: Which mail.
            since: Mails that arrived before are left alone (seconds since 1970).

        Returns:
            When it arrived, in seconds since 1970; 0 if that is not known.

        Raises:
            UnavailableError, StorageError: The server or the house cannot now; that is not the mail's fault.
            NisseError: Something broke on this mail; take it again.
        """
        tries = self._journal.tries(place.folder, place.validity, place.uid)
        if tries >= 2 * _TRIES:
            self._set_aside(place, "Even its headers cannot be read; nobody was told.")
            return 0.0
        try:
            arrived_at, is_done = self._deal(box, place, since, headers_only=tries >= _TRIES)
        except (UnavailableError, StorageError):
            raise
        except Exception as broke:
            self._journal.tried(place.folder, place.validity, place.uid)
            if not isinstance(broke, NisseError):
                _log.exception("mail.unreadable uid=%s", place.uid)
            raise NisseError(f"Mail {place.uid} broke on try {tries + 1}: {str(broke)[:200]}") from broke
        if is_done:
            self._postponed.done(place.folder, place.validity, place.uid)
        else:
            self._postponed.later(place.folder, place.validity, place.uid, arrived_at)
        return arrived_at

    def _deal(self, box: Imap, place: Place, since: float, *, headers_only: bool) -> tuple[float, bool]:
        """When it arrived, and whether it is done with; else it is to be taken again later."""
        facts = box.facts(place.uid)
        if facts is None or facts.arrived_at < since:
            return facts.arrived_at if facts else 0.0, True
        if not facts.size or not facts.head.strip():
            self._set_aside(place, "It is empty.")
            return facts.arrived_at, True
        with self._in_hand.holding(place.folder, place.validity, place.uid):
            head = headers.parse(facts.head)
            is_own, senders = composing.is_own(head, self._address), headers.addresses(head, "From")
            message = self._read(facts.head, place, facts, "")
        if self._learning.is_trial(head):
            self._learning.learn(head)
            box.remove(place.uid)
        elif is_own:
            if not headers_only:
                box.put_away(place.uid, headers.field(head, "Message-ID"), box.sent_folder())
        elif facts.is_answered:
            logs.event(_log, "mail.answered_before", uid=place.uid)
        elif senders != [self._address]:
            try:
                self._hand_in_what_counts(box, place, facts, message, headers_only=headers_only)
            except NoAnswerError as away:
                logs.event(_log, "mail.postponed", level=logging.WARNING, uid=place.uid, why=away)
                return facts.arrived_at, False
        return facts.arrived_at, True

    def _hand_in_what_counts(
        self, box: Imap, place: Place, facts: Facts, head: Message, *, headers_only: bool
    ) -> None:
        head = replace(head, text="", attachments=())
        if not self._house.known(reading.ADDRESS_KIND, head.sender):
            if reports.may_be_one(headers.parse(facts.head)) and not headers_only:
                self._note_return(box, place)
            # Is refused, which the owner sees; what a stranger sends stays where it is.
            self._hand_in(self._origin.of_head(head, facts.head), place)
        elif headers_only:
            told = self._identified(replace(head, problem=_UNREADABLE), facts.head, place)
            self._set_aside(place, "It cannot be read; its sender was told.", head)
            self._hand_in(told, place)
        else:
            problem = _too_large(facts.size, self._largest) if facts.size > self._largest else ""
            if problem:
                self._set_aside(place, "It is larger than the house takes; its sender was told.", head)
            content = box.content(place.uid, _BEGINNING if problem else 0)
            if content is not None:
                with self._in_hand.holding(place.folder, place.validity, place.uid):
                    message = self._identified(self._read(content, place, facts, problem), content, place)
                self._hand_in(message, place)

    def _note_return(self, box: Imap, place: Place) -> None:
        """Tells the house if this mail reports that an answer of its own came back."""
        content = box.content(place.uid, _BEGINNING)
        if content is None:
            return
        with self._in_hand.holding(place.folder, place.validity, place.uid):
            report = reports.read(headers.parse(content), own=self._account.house)
        if report:
            known = self._house.returned(
                report.outgoing_id, action=report.action, status=report.status, said=report.said
            )
            logs.event(_log, "reply.returned", uid=place.uid, status=report.status, known=known)

    def _identified(self, message: Message, content: bytes, place: Place) -> Message:
        """The message with who wrote it; with a problem it is no more than its headers, which is all that is proven then."""
        is_last_try = self._postponed.is_last_try(place.folder, place.validity, place.uid)
        if message.problem:
            message = replace(message, text="")
        return self._origin.of_mail(message, content, is_whole=not message.problem, is_last_try=is_last_try)

    def _read(self, content: bytes, place: Place, facts: Facts, problem: str) -> Message:
        return reading.read(
            content,
            channel=self._house.channel,
            own=self._account.house or (self._address,),
            plus_addressing=self._account.settings.flag("house.plus_addressing"),
            received_at=facts.arrived_at,
            problem=problem,
            envelope={
                "account": self._address,
                "folder": place.folder,
                "validity": str(place.validity),
                "uid": str(place.uid),
            },
        )

    def _hand_in(self, message: Message, place: Place) -> None:
        try:
            state = self._house.hand_in(message)
        except TooLargeError:
            if not message.attachments:
                raise
            problem = _too_large(sum(len(file.data) for file in message.attachments), self._largest)
            state = self._house.hand_in(replace(message, attachments=(), problem=problem))
        logs.event(_log, "mail.handed_in", uid=place.uid, id=message.id, state=state)

    def _set_aside(self, place: Place, why: str, head: Message | None = None) -> None:
        logs.event(_log, "mail.set_aside", level=logging.WARNING, uid=place.uid, why=why)
        self._journal.set_aside(
            place.folder,
            place.validity,
            place.uid,
            sender=head.sender if head else "",
            subject=head.subject if head else "",
            why=why,
        )
        self._on_set_aside()


def _too_large(size: int, largest: int) -> str:
    return (
        f"Your mail has {max(1, round(size / MEGABYTE))} MB; I take up to {largest // MEGABYTE} MB and have not read it. "
        "Please send it in smaller parts."
    )
