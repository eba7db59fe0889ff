"""From the bytes of a mail to the Message that conversation answers.

Owns: putting together who wrote, what is new in it, which thread it belongs to, and what its answer will need.
Does not know: where the mail came from, whether it will be answered, or whether the sender is who they say.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from agent.addresses import a_label
from agent.letters import alignment, body, deciding, headers, quotes, roles, threads
from agent.letters.headers import Mail
from agent.message import VERIFIED, Attachment, Message

ADDRESS_KIND = "mail"
NOBODY = "nobody"  # stands for the sender of a mail that names none, or several
_LONGEST_SUBJECT = 500  # characters


def read(
    mail: bytes,
    *,
    channel: str,
    own: Collection[str] = (),
    plus_addressing: bool = True,
    envelope_sender: str | None = None,
    received_at: float | None = None,
    problem: str = "",
    envelope: Mapping[str, str] | None = None,
) -> Message:
    """The mail as a Message.

    Args:
        mail: The mail as it came; with a problem, its beginning is enough.
        channel: Name of the channel that received it.
        own: All addresses of the house; empty: whether the mail names one of them is not asked.
        plus_addressing: Whether `nisse+anything@` is the house's own address too.
        envelope_sender: The sender in the SMTP dialogue, where it is known.
        received_at: Seconds since 1970; None: now.
        problem: Why this is not the whole mail, in words for its sender; its attachments are then left out.
        envelope: What else the channel needs for the reply.
    """
    parsed = headers.parse(mail)
    senders = headers.addresses(parsed, "From")
    content = body.read(parsed)
    subject = roles.without_marks(headers.field(parsed, "Subject"))[:_LONGEST_SUBJECT]
    parts = quotes.apart(roles.without_marks(content.text), subject=subject)
    native_id = threads.native_id(parsed, mail)
    refusal = deciding.decide(
        parsed, own=own, plus_addressing=plus_addressing, envelope_sender=envelope_sender, text=content.text
    )
    return Message(
        channel=channel,
        address_kind=ADDRESS_KIND,
        native_id=native_id,
        sender=senders[0] if senders else NOBODY,
        subject=subject,
        text=parts.new,
        thread=threads.root(parsed) or native_id,
        attachments=() if problem else tuple(_files(content, parts.forwarded)),
        received_at=time.time() if received_at is None else received_at,
        automatic=refusal.why if refusal else "",
        rule=refusal.rule if refusal else "",
        problem=problem,
        envelope={**_envelope(parsed, subject), **(envelope or {})},
    )


def answer_to(parsed: Mail, *, sender: str, level: str) -> str:
    """Where the sender wants the answer, if not where the mail came from.

    Reply-To is heeded only if it is proven that the sender wrote it, and only within their own organisation: else a stranger could
    have the house's answers sent to himself, or to anybody.

    Args:
        parsed: The parsed mail.
        sender: The address in From.
        level: How sure it is who wrote the mail, its Reply-To included.
    """
    named = headers.addresses(parsed, "Reply-To")
    if level != VERIFIED or len(named) != 1 or named[0] == sender:
        return ""
    wanted, own = (alignment.organisation(a_label(one.rpartition("@")[2])) for one in (named[0], sender))
    return named[0] if wanted and wanted == own else ""


def _envelope(parsed: Mail, subject: str) -> dict[str, str]:
    path = headers.addresses(parsed, "Return-Path")
    own_id = threads.own_id(parsed)
    return {
        "message_id": own_id,
        # Already cut to what the answer will bear: a long thread must not be stored whole with each of its mails.
        "references": " ".join(
            name for name in threads.references(threads.earlier_ids(parsed), own_id) if name != own_id
        ),
        "subject": subject,
        "to": next(iter(headers.addresses(parsed, "From")), ""),
        **({"return_path": path[0]} if path else {}),
    }


def _files(content: body.Body, forwarded: str) -> list[Attachment]:
    # A forwarded mail is somebody else's text: it goes as a file, never as the sender's own words.
    if not forwarded:
        return content.attachments
    file = Attachment(name="forwarded-mail.txt", media_type="text/plain", data=forwarded.encode())
    return [file, *content.attachments]
