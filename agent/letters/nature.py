"""What kind of thing a mail is by its parts: a server's report, an invitation, something encrypted.

Owns: telling these from what a person wrote or attached.
Does not know: what follows from it (`deciding`), nor how text is read (`body`).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from email.message import Message

from agent.letters.headers import Mail

_MOST_PARTS = 200
_DEEPEST = 20
_REPORTS = (
    "multipart/report",
    "message/delivery-status",
    "message/global-delivery-status",
    "message/disposition-notification",
    "message/global-disposition-notification",
    "message/feedback-report",
)
_SMIME = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_INVITATIONS = ("request", "reply", "cancel", "counter", "declinecounter", "add", "refresh")
_METHOD = re.compile(
    rb"^METHOD(?:;[^:\r\n]{0,200})?:[ \t]*([A-Za-z]{1,20})[ \t]*\r?$", re.MULTILINE | re.IGNORECASE
)
_BEGINNING = 20_000  # bytes of a calendar in which its method is searched
_ARMOUR = re.compile(r"^-----BEGIN PGP MESSAGE-----\s*$", re.MULTILINE)


def report(mail: Mail) -> str:
    """The type by which a mail is a server's report (bounce, receipt, complaint); empty if it is none.

    One that a person attached as a file is none: they may ask what it means.
    """
    for part in parts(mail):
        if part.get_content_type() in _REPORTS and not _is_attached(part):
            return part.get_content_type()
    return ""


def invitation(mail: Mail) -> str:
    """Why a mail is a step in the arranging of a meeting (RFC 6047), in words; empty if it is not.

    A calendar's file without the parameter `method` that a person attached is a file like any other.
    """
    for part in parts(mail):
        if part.get_content_type() != "text/calendar":
            continue
        method = _parameter(part, "method")
        if not method and not _is_attached(part):
            method = _declared_method(part)
        if method in _INVITATIONS:
            return f"an invitation or an answer to one (method {method.upper()}); I never reply to these"
    return ""


def encryption(mail: Mail, text: str) -> str:
    """Why a mail's body cannot be read, in words; empty if it is not encrypted.

    Args:
        mail: The parsed mail.
        text: Its body as text, as far as there is any.
    """
    for part in parts(mail):
        kind = part.get_content_type()
        if kind in _SMIME:
            signed = _parameter(part, "smime-type") == "signed-data"
            how = "signed in a way that hides it" if signed else "encrypted"
            return f"its text is {how} (S/MIME) and could not be read"
        if kind == "multipart/encrypted" or (kind == "application/pgp-encrypted" and not text.strip()):
            return "its text is encrypted (PGP) and could not be read"
    return "its text is encrypted (PGP) and could not be read" if _ARMOUR.search(text) else ""


def parts(mail: Mail) -> Iterator[Mail]:
    """The mail and its parts from the top, without what lies in a mail within it."""
    waiting: list[tuple[Mail, int]] = [(mail, 0)]
    for _ in range(_MOST_PARTS):
        if not waiting:
            return
        part, depth = waiting.pop(0)
        yield part
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list) and depth < _DEEPEST:
            waiting[0:0] = [(child, depth + 1) for child in payload if isinstance(child, Message)]


def _declared_method(part: Mail) -> str:
    with contextlib.suppress(Exception):  # a payload that cannot be decoded declares nothing
        data = part.get_payload(decode=True)
        found = _METHOD.search(data[:_BEGINNING]) if isinstance(data, bytes) else None
        return found[1].decode("ascii").lower() if found else ""
    return ""


def _is_attached(part: Mail) -> bool:
    with contextlib.suppress(LookupError, ValueError, TypeError):
        return part.get_content_disposition() == "attachment"
    return False


def _parameter(part: Mail, name: str) -> str:
    with contextlib.suppress(LookupError, ValueError, TypeError):
        value = part.get_param(name)
        return value.strip().lower() if isinstance(value, str) else ""
    return ""
