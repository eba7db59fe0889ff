"""What Nisse would do with a mail, and why: the same rules as at work, put together without sending anything.

Owns: the order in which they are asked, and the words for what they say.
Does not know: where the mail or the setup comes from, or how the explanation is shown.

What depends on earlier mails is not asked: the limits (E18), an address that is silenced (E57), a mail that was answered before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from email.utils import mktime_tz, parsedate_tz
from typing import Any

from agent.addresses import comparable
from agent.commands import _setup
from agent.commands._setup import Setup
from agent.conversation import admission, capability
from agent.conversation.capability import Capability
from agent.errors import RequestError
from agent.letters import body, composing, deciding, headers, identity, reading, threads
from agent.letters.identity import Identity
from agent.message import Message, Person, Refusal, Reply

ANSWERED = "E31"
_BEGINNING = 64_000  # bytes of an oversized mail that are read
_MEGABYTE = 1_000_000
_FIELD = re.compile(rb"[!-9;-~]{1,200}[ \t]*:")
_PARTING = re.compile(rb">?From (?![ \t]*:)")
_NO_MAIL = "E6"


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What would be done with one mail."""

    setup: Setup
    message: Message
    identity: Identity
    person: Person | None
    refusal: Refusal | None
    capability: Capability
    reply: Reply | None = None

    @property
    def why(self) -> str:
        """The reason, in a sentence."""
        if self.refusal:
            return self.refusal.why
        name = self.person.name if self.person else ""
        sure = {"verified": "It is proven", "asserted": "The mail provider says"}.get(self.identity.level, "")
        return f"{sure} that {name or self.identity.sender} wrote it ({self.identity.why}), and no rule forbids an answer."

    def to_json(self) -> dict[str, Any]:
        """The explanation as JSON's own types."""
        message, reply = self.message, self.reply
        envelope = reply.envelope if reply else {}
        parent = envelope.get("message_id", "")
        return {
            "answer": reply is not None,
            "rule": self.refusal.rule if self.refusal else ANSWERED,
            "why": self.why,
            "level": self.identity.level,
            "evidence": self.identity.why,
            "evidence_rule": self.identity.rule,
            "sender": self.identity.sender or None,
            "person": dict(self.person.addresses).get("mail") if self.person else None,
            "person_name": self.person.name if self.person else None,
            "role": self.person.role if self.person else None,
            "capabilities": [name for name, allowed in vars(self.capability).items() if allowed],
            "new_text": message.text,
            "subject": message.subject,
            "attachments": [
                {"name": file.name, "media_type": file.media_type, "bytes": len(file.data)}
                for file in message.attachments
            ],
            "in_reply_to": parent or None,
            "references": threads.references(envelope.get("references", "").split(), parent) if reply else [],
            "recipient": reply.recipient if reply else None,
            "reply_subject": threads.answer_subject(message.subject) if reply else None,
            "problem": message.problem or None,
            "written_at": message.written_at or None,
            "received_at": message.received_at,
            "message_id": message.envelope.get("message_id") or None,
            "thread": message.thread,
            "native_id": message.native_id,
        }


def explain(mail: bytes, setup: Setup, *, size: int | None = None) -> Explanation:
    """What would be done with a mail.

    Args:
        mail: The mail, or its beginning.
        setup: The house as it is assumed to be.
        size: Bytes of the whole mail; None: it is whole.
    """
    mail = as_received(mail)
    size = max(len(mail), size or 0)
    is_whole = size <= setup.largest
    mail = mail if is_whole else mail[:_BEGINNING]
    arrived_at = _setup.arrival(setup, _received_at(mail))
    found = identity.identify(
        mail,
        arrived_at=arrived_at,
        records=setup.records,
        authority=setup.authority,
        is_whole=is_whole,
        is_last_try=True,
    )
    message = _message(mail, setup, found, arrived_at, "" if is_whole else _too_large(size, setup.largest))
    person = _person(setup, found) if capability.reaches(found.level, "asserted") else None
    refusal = _no_mail(mail) or admission.refusal(message, person)
    return Explanation(
        setup=setup,
        message=message,
        identity=found,
        person=person,
        refusal=refusal,
        capability=capability.of(message, person, now=setup.now or arrived_at)
        if refusal is None
        else Capability(),
        reply=None if refusal else _reply(message, setup),
    )


def as_received(mail: bytes) -> bytes:
    """The mail as a server would hand it out: without the line by which mailbox files part mails, with line ends.

    Args:
        mail: A file's content.
    """
    mail = mail.removeprefix(b"\xef\xbb\xbf")
    if b"\n" not in mail:
        mail = mail.replace(b"\r", b"\r\n")
    mail = mail.lstrip(b"\r\n")
    if _PARTING.match(mail):
        mail = mail.partition(b"\n")[2]
    return mail


def _no_mail(mail: bytes) -> Refusal | None:
    """Zero bytes, or no header field at all: the channel sets such a thing aside for the owner to look at."""
    if not mail.strip():
        return Refusal(_NO_MAIL, "it is empty")
    return (
        None
        if _FIELD.match(mail)
        else Refusal(_NO_MAIL, "it is no mail: it does not begin with header fields")
    )


def _message(mail: bytes, setup: Setup, found: Identity, arrived_at: float, problem: str) -> Message:
    message = reading.read(
        mail,
        channel="mail",
        own=setup.box,
        plus_addressing=setup.plus_addressing,
        received_at=arrived_at,
        problem=problem,
    )
    parsed = headers.parse(mail)
    refusal = deciding.decide(
        parsed,
        own=setup.box,
        plus_addressing=setup.plus_addressing,
        own_header=setup.own_header,
        tags=(setup.tag,) if setup.tag else (),
        text=body.read(parsed).text,
    )
    return replace(
        message,
        automatic=refusal.why if refusal else "",
        rule=refusal.rule if refusal else "",
        text="" if problem else message.text,
        sender=found.sender or message.sender,
        level=found.level,
        evidence=found.why,
        written_at=found.written_at,
        answer_to=reading.answer_to(parsed, sender=found.sender, level=found.level),
    )


def _person(setup: Setup, found: Identity) -> Person | None:
    wanted = comparable(found.sender)
    for person in setup.persons:
        if any(kind == "mail" and comparable(address) == wanted for kind, address in person.addresses):
            return person
    return None


def _reply(message: Message, setup: Setup) -> Reply:
    """The answer that would go out, without its words: what mail makes of it is asked of `composing` itself."""
    reply = Reply(
        id=message.id,
        message_id=message.id,
        channel=message.channel,
        recipient=message.answer_to or message.sender,
        text="",
        outgoing_id="explained",
        subject=message.subject,
        envelope=message.envelope,
    )
    try:
        mail = headers.parse(
            composing.compose(reply, sender=setup.address or "nisse@localhost", name=setup.name)
        )
    except RequestError:  # an address to which no mail can go; the answer is made, and marked as failed
        return reply
    parent = next(iter(headers.message_ids(mail, "In-Reply-To")), "")
    earlier = " ".join(headers.message_ids(mail, "References"))
    return replace(reply, envelope={**message.envelope, "message_id": parent, "references": earlier})


def _received_at(mail: bytes) -> float:
    """When the topmost server says that it took the mail; 0 if none does."""
    said = headers.field(headers.parse(mail), "Received").rpartition(";")[2]
    try:
        parsed = parsedate_tz(said[:200])
        return max(0.0, float(mktime_tz(parsed))) if parsed else 0.0
    except (ValueError, OverflowError, TypeError, IndexError):
        return 0.0


def _too_large(size: int, largest: int) -> str:
    return f"It has {max(1, round(size / _MEGABYTE))} MB; up to {largest // _MEGABYTE} MB are taken, and its sender is told so."
