"""From the bytes of a mail to the Message that conversation answers.

Owns: putting together who wrote, what is new in it, which thread it belongs to, and what its answer will need.
Does not know: where the mail came from, whether it will be answered, or whether the sender is who they say.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Mapping

from agent.letters import automatic, body, headers, quotes
from agent.letters.headers import Mail
from agent.message import Attachment, Message

ADDRESS_KIND = "mail"
NOBODY = "nobody"  # stands for the sender of a mail that names none, or several
_LONGEST_SUBJECT = 500  # characters
_MOST_REFERENCES = 50
_ENCRYPTED = "I cannot read encrypted mail. Please send it to me again unencrypted."


def read(
    mail: bytes,
    *,
    channel: str,
    own: Collection[str] = (),
    envelope_sender: str | None = None,
    received_at: float | None = None,
    problem: str = "",
    envelope: Mapping[str, str] | None = None,
) -> Message:
    """The mail as a Message.

    Args:
        mail: The mail as it came; with a problem, its beginning is enough.
        channel: Name of the channel that received it.
        own: The box's own addresses, lower-case.
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
        automatic=_automatic(parsed, senders, own, envelope_sender),
        problem=problem or (_ENCRYPTED if content.encrypted else ""),
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


def _automatic(parsed: Mail, senders: list[str], own: Collection[str], envelope_sender: str | None) -> str:
    if len(senders) != 1 or len(headers.fields(parsed, "From")) != 1:
        return f"{len(senders) or 'no'} senders in From"
    if headers.field(parsed, "From").endswith(";"):
        return "a group in From"
    return automatic.reason(parsed, own=own, envelope_sender=envelope_sender)


def _thread(parsed: Mail, own_id: str) -> str:
    earlier = headers.message_ids(parsed, "References") or headers.message_ids(parsed, "In-Reply-To")
    return earlier[0] if earlier else own_id


def _envelope(parsed: Mail) -> dict[str, str]:
    ids = headers.message_ids(parsed, "Message-ID")[:1]
    earlier = headers.message_ids(parsed, "References") or headers.message_ids(parsed, "In-Reply-To")
    if len(earlier) > _MOST_REFERENCES:
        earlier = [earlier[0], *earlier[1 - _MOST_REFERENCES :]]
    return {
        "message_id": "".join(ids),
        "references": " ".join(earlier),
        "subject": headers.field(parsed, "Subject")[:_LONGEST_SUBJECT],
        "to": next(iter(headers.addresses(parsed, "From")), ""),
    }


def _files(content: body.Body, forwarded: str) -> list[Attachment]:
    # A forwarded mail is somebody else's text: it goes as a file, never as the sender's own words.
    if not forwarded:
        return content.attachments
    file = Attachment(name="forwarded-mail.txt", media_type="text/plain", data=forwarded.encode())
    return [file, *content.attachments]
