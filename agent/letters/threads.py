"""Threads: which mail answers which, and what names a mail for ever.

Owns: the ids by which an answer hangs in its thread, its subject, and the house's own name for a mail.
Does not know: text or people; an id is only compared and repeated, never trusted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from agent.letters import headers
from agent.letters.headers import Mail

LONGEST_LINE = 998  # octets, RFC 5322
_NAMING_FIELDS = ("Message-ID", "Date", "From", "To", "Cc", "Subject", "In-Reply-To", "References")
# "Re" in the languages of common mail programs, alone or with a count: Re[2]:, Re(3):, Re^4:
_ANSWERED = re.compile(
    r"\s*(re|aw|antwort|antw|sv|vs|rif|ris|res|r|ynt|odp|vá|atb|ats|απ|σχετ|отв|ответ|回复|回覆|答复|返信|답장|השב|رد)"
    r"\s*(\[\d+\]|\(\d+\)|\^\d+|\*\d+)?\s*[:\uff1a]\s*",
    re.IGNORECASE,
)


def own_id(mail: Mail) -> str:
    """The mail's Message-ID with its angle brackets; empty if it has none."""
    return next(iter(headers.message_ids(mail, "Message-ID")), "")


def earlier_ids(mail: Mail) -> list[str]:
    """The ids of the mails before this one in its thread, oldest first (RFC 5322, 3.6.4)."""
    found = headers.message_ids(mail, "References")
    if not found:
        answered = headers.message_ids(mail, "In-Reply-To")
        found = answered if len(answered) == 1 else []
    own = own_id(mail)
    return [name for name in dict.fromkeys(found) if name != own]


def root(mail: Mail) -> str:
    """The first id that is known of the mail's thread; empty if it stands alone and has no id."""
    earlier = earlier_ids(mail) or headers.message_ids(mail, "In-Reply-To")
    return earlier[0] if earlier else own_id(mail)


def native_id(mail: Mail, content: bytes) -> str:
    """What names this mail for ever: a hash of the fields that its sender wrote and of its body.

    The Message-ID alone would not do: some mails have none, some senders use one for many, and a stranger may use one that he saw.
    What servers add on the way is left out, so that a mail which comes in twice is one mail.

    Args:
        mail: The parsed mail.
        content: Its bytes.
    """
    digest = hashlib.sha256()
    for name in _NAMING_FIELDS:
        for value in headers.fields(mail, name):
            digest.update(f"{name}: {value}\n".encode())
    digest.update(b"\n".join(line.rstrip() for line in _body(content).rstrip().split(b"\n")))
    return f"sha256:{digest.hexdigest()}"


def references(earlier: Sequence[str], parent: str) -> list[str]:
    """The ids in an answer's References: the parent's own references and its id, as many as fit one line.

    The first stays in any case, which names the thread, and then as many of the last as fit.

    Args:
        earlier: What the parent refers to, oldest first.
        parent: The parent's id; empty if it has none.
    """
    ids = [name for name in dict.fromkeys(earlier) if name != parent]
    ids += [parent] if parent else []
    left = LONGEST_LINE - len("References: ")
    if len(" ".join(ids)) <= left:
        return ids
    first, rest = ids[0], ids[1:]
    size = len(first)
    kept: list[str] = []
    for name in reversed(rest):
        size += 1 + len(name)
        if size > left:
            break
        kept.insert(0, name)
    return [first, *kept] if kept else ids[-1:]


def answer_subject(subject: str) -> str:
    """The subject of an answer, with `Re:` once, however many answers went before."""
    rest = " ".join(headers.clean(subject).split())
    while match := _ANSWERED.match(rest):
        rest = rest[match.end() :]
    return f"Re: {rest or 'your message'}"


def _body(content: bytes) -> bytes:
    ends = [(found, len(gap)) for gap in (b"\n\n", b"\r\n\r\n") if (found := content.find(gap)) >= 0]
    start, length = min(ends, default=(len(content), 0))
    return content[start + length :]
