"""From the bytes of a mail to the Message that conversation answers.

Owns: putting together who wrote, what is new in it, which thread it belongs to, and what its answer will need.
Does not know: where the mail came from, whether it will be answered, or whether the sender is who they say.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Mapping

from agent.letters import body, deciding, headers, quotes
from agent.letters.headers import Mail
from agent.message import Attachment, Message

ADDRESS_KIND = "mail"
NOBODY = "nobody"  # stands for the sender of a mail that names none, or several
_LONGEST_SUBJECT = 500  # characters
_MOST_REFERENCES = 50


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
    parts = quotes.apart(content.text)
    own_id = native_id(parsed, mail)
    refusal = deciding.decide(
        parsed,
        own=own,
        plus_addressing=plus_addressing,
        envelope_sender=envelope_sender,
        text=content.text,
    )
    return Message(
        channel=channel,
        address_kind=ADDRESS_KIND,
        native_id=own_id,
        sender=senders[0] if senders else NOBODY,
        subject=headers.field(parsed, "Subject")[:_LONGEST_SUBJECT],
        text=parts.new,
        thread=_thread(parsed, own_id),
        attachments=() if problem else tuple(_files(content, parts.forwarded)),
        received_at=time.time() if received_at is None else received_at,
        automatic=refusal.why if refusal else "",
        rule=refusal.rule if refusal else "",
        problem=problem,
        envelope={**_envelope(parsed), **(envelope or {})},
    )


def native_id(parsed: Mail, mail: bytes) -> str:
    """The mail's Message-ID, or the hash of the whole mail where it has none.

    Args:
        parsed: The parsed mail.
        mail: Its bytes.
    """
    found = headers.message_ids(parsed, "Message-ID")
    return found[0] if found else f"sha256:{hashlib.sha256(mail).hexdigest()}"


def _thread(parsed: Mail, own_id: str) -> str:
    earlier = headers.message_ids(parsed, "References") or headers.message_ids(parsed, "In-Reply-To")
    return earlier[0] if earlier else own_id


def _envelope(parsed: Mail) -> dict[str, str]:
    ids = headers.message_ids(parsed, "Message-ID")[:1]
    earlier = headers.message_ids(parsed, "References") or headers.message_ids(parsed, "In-Reply-To")
    if len(earlier) > _MOST_REFERENCES:
        earlier = [earlier[0], *earlier[1 - _MOST_REFERENCES :]]
    path = headers.addresses(parsed, "Return-Path")
    return {
        "message_id": "".join(ids),
        "references": " ".join(earlier),
        "subject": headers.field(parsed, "Subject")[:_LONGEST_SUBJECT],
        "to": next(iter(headers.addresses(parsed, "From")), ""),
        **({"return_path": path[0]} if path else {}),
    }


def _files(content: body.Body, forwarded: str) -> list[Attachment]:
    # A forwarded mail is somebody else's text: it goes as a file, never as the sender's own words.
    if not forwarded:
        return content.attachments
    file = Attachment(name="forwarded-mail.txt", media_type="text/plain", data=forwarded.encode())
    return [file, *content.attachments]
