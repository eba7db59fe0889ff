"""What a mail server reports about one of the house's own answers: that it came back, or is late.

Owns: finding the answer's outgoing id, the status and the server's words, in reports as RFC 3464 has them and in older ones.
Does not know: what follows from it; conversation does.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from email.message import Message

from agent.addresses import comparable
from agent.letters import headers, nature
from agent.letters.headers import Mail

_MOST_PARTS = 50
_DEEPEST = 8
_MOST_RECIPIENTS = 20
_LONGEST_TEXT = 64_000  # characters
_LONGEST_WORDS = 300
_OWN_ID = re.compile(r"<([0-9a-f]{40})@[^<>\s]{1,255}>")
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_ORIGINALS = ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers")
_WORST_FIRST = ("failed", "delayed")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What became of one answer."""

    outgoing_id: str  # as the reply has it
    action: str  # failed, delayed, or another word of RFC 3464
    status: str  # such as 5.1.1; empty where none is given
    said: str  # the server's words, on one line


@dataclass(frozen=True, kw_only=True)
class _Recipient:
    address: str
    action: str
    status: str
    said: str


def may_be_one(head: Mail) -> bool:
    """Whether the headers of a mail look like those of a report, so that it is worth while to fetch its body."""
    if nature.report(head):
        return True
    empty = any(value.replace(" ", "") == "<>" for value in headers.fields(head, "Return-Path"))
    senders = headers.field(head, "From").lower()
    return empty or "mailer-daemon" in senders or "postmaster" in senders


def read(mail: Mail, *, own: Collection[str] = ()) -> Report | None:
    """What a mail reports about an answer of ours; None if it reports nothing of the kind.

    Args:
        mail: The parsed mail; its beginning is enough.
        own: The house's addresses: that its own copy of an answer came back does not matter.
    """
    parts = list(_all_parts(mail, 0))
    found = _original_id(parts)
    if not found:
        return None
    ours = {comparable(address) for address in own}
    recipients = [one for one in _recipients(parts) if one.address not in ours]
    if recipients:
        worst = next(
            (one for word in _WORST_FIRST for one in recipients if one.action == word), recipients[0]
        )
        return Report(outgoing_id=found, action=worst.action, status=worst.status, said=worst.said)
    if any(part.get_content_type() == "message/delivery-status" for part in parts):
        return None  # of nobody but ourselves
    return _from_words(found, _text(parts))


def _from_words(outgoing_id: str, text: str) -> Report | None:
    """An older report, which says it in words alone: only a status makes one of it, so that no automatic answer is taken for one."""
    status = _STATUS.search(text)
    if not status:
        return None
    line = next((line for line in text.splitlines() if status[1] in line), "")
    action = {"5": "failed", "4": "delayed"}.get(status[1][0], "")
    return Report(
        outgoing_id=outgoing_id, action=action, status=status[1], said=" ".join(line.split())[:_LONGEST_WORDS]
    )


def _original_id(parts: list[Mail]) -> str:
    for part in parts:
        kind = part.get_content_type()
        if kind in _ORIGINALS:
            original = headers.parse(_decoded(part).encode("utf-8", "replace"))
        elif kind in ("message/rfc822", "message/global"):
            inner = part.get_payload()
            if not (isinstance(inner, list) and inner and isinstance(inner[0], Message)):
                continue
            original = inner[0]
        else:
            continue
        if own := _OWN_ID.search(headers.field(original, "Message-ID")):
            return own[1]
    named = re.search(rf"^[> ]*Message-ID:\s*{_OWN_ID.pattern}", _text(parts), re.MULTILINE | re.IGNORECASE)
    return named[1] if named else ""


def _recipients(parts: list[Mail]) -> list[_Recipient]:
    found: list[_Recipient] = []
    for part in parts:
        blocks = part.get_payload()
        if part.get_content_type() in (
            "message/delivery-status",
            "message/global-delivery-status",
        ) and isinstance(blocks, list):
            found += [
                _recipient(block) for block in blocks if isinstance(block, Message) and block.get("Action")
            ]
    return found[:_MOST_RECIPIENTS]


def _recipient(block: Mail) -> _Recipient:
    address = headers.field(block, "Final-Recipient") or headers.field(block, "Original-Recipient")
    status = _STATUS.search(headers.field(block, "Status"))
    return _Recipient(
        address=comparable(address.partition(";")[2].strip().strip("<>")),
        action=re.split(r"[\s(;]", headers.field(block, "Action").strip().lower(), maxsplit=1)[0],
        status=status[1] if status else "",
        said=headers.field(block, "Diagnostic-Code").partition(";")[2].strip()[:_LONGEST_WORDS],
    )


def _all_parts(mail: Mail, depth: int) -> Iterator[Mail]:
    yield mail
    payload = mail.get_payload()
    if mail.get_content_maintype() == "multipart" and isinstance(payload, list) and depth < _DEEPEST:
        for child in payload[:_MOST_PARTS]:
            if isinstance(child, Message):
                yield from _all_parts(child, depth + 1)


def _text(parts: list[Mail]) -> str:
    texts = [_decoded(part) for part in parts if part.get_content_type() == "text/plain"]
    return "\n".join(texts)[:_LONGEST_TEXT]


def _decoded(part: Mail) -> str:
    with contextlib.suppress(Exception):  # what cannot be decoded says nothing
        data = part.get_payload(decode=True)
        if isinstance(data, bytes):
            return headers.text_of(data[:_LONGEST_TEXT], "utf-8")
        if isinstance(part.get_payload(), str):
            return str(part.get_payload())[:_LONGEST_TEXT]
        inner = part.get_payload()  # Python parses every message/* as a mail
        if isinstance(inner, list) and inner and isinstance(inner[0], Message):
            return inner[0].as_string()[:_LONGEST_TEXT]
    return ""
