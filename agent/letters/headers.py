"""Header fields of a mail, as text that can be trusted to be text.

Owns: decoding a field however it was written (RFC 2047, raw 8-bit, both in one), addresses, and message ids.
Does not know: what any field means for an answer.

`email.policy.default` raises on some broken fields; mails are therefore parsed with the older policy and decoded here.
"""

from __future__ import annotations

import base64
import binascii
import email.policy
import quopri
import re
import unicodedata
from email.message import Message
from email.parser import BytesParser
from email.utils import getaddresses
from typing import TypeAlias

LONGEST_FIELD = 10_000  # characters
_LONGEST_ID = 900  # characters; RFC 5322 allows lines of 998

_WORD = r"=\?([^?\s]{1,60})\?([bq])\?([^?]*)\?="
_ENCODED_WORD = re.compile(_WORD, re.IGNORECASE)
_RUN_OF_WORDS = re.compile(f"(?:{_WORD})+", re.IGNORECASE)
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(=\?[^?\s]{1,60}\?[bq]\?)", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
# Marks that no person types and that hide words from the eye: zero-width, directional overrides, Unicode's tags.
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Mail: TypeAlias = "Message[str, str]"


def parse(mail: bytes) -> Mail:
    """The mail's structure. Never raises: what is broken is kept as text."""
    return BytesParser(policy=email.policy.compat32).parsebytes(mail)


def field(mail: Mail, name: str) -> str:
    """The first field of this name as one line of clean text; empty if there is none."""
    found = fields(mail, name)
    return found[0] if found else ""


def fields(mail: Mail, name: str) -> list[str]:
    """All fields of this name, as they stand from the top."""
    wanted = name.lower()
    return [decoded(str(value)) for key, value in mail.raw_items() if key.lower() == wanted]


def decoded(value: str) -> str:
    """A field's raw value as one line of clean text."""
    raw = value[:LONGEST_FIELD].encode("utf-8", "surrogateescape")
    text = _BETWEEN_WORDS.sub(r"\1\2", text_of(raw, "utf-8"))
    return " ".join(clean(_RUN_OF_WORDS.sub(_words, text)).split())


def addresses(mail: Mail, name: str) -> list[str]:
    """The bare addresses in all fields of this name, lower-case, in order; display names are dropped."""
    # Parsed before decoding: an encoded display name may hold commas and angle brackets.
    wanted = name.lower()
    values = [str(value)[:LONGEST_FIELD] for key, value in mail.raw_items() if key.lower() == wanted]
    texts = [text_of(value.encode("utf-8", "surrogateescape"), "utf-8") for value in values]
    found = (clean(address).strip().lower() for _, address in getaddresses(texts))
    return [address for address in found if "@" in address and " " not in address]


def message_ids(mail: Mail, name: str) -> list[str]:
    """The message ids in a field, with their angle brackets, in order; absurdly long ones are left out."""
    return [found for found in _MESSAGE_ID.findall(field(mail, name)) if len(found) <= _LONGEST_ID]


def text_of(data: bytes, charset: str) -> str:
    """Bytes as text: as declared, else as UTF-8, else as Western European; never raises."""
    for name in (charset or "utf-8", "utf-8", "cp1252"):
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")


def clean(text: str) -> str:
    """The text without control characters, invisible marks and halves of characters; newlines and tabs stay."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROL.sub("", _INVISIBLE.sub("", text))
    return unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))


def _words(run: re.Match[str]) -> str:
    """Adjacent encoded words as text; those of one charset are joined first, as some mailers cut in the middle of a character."""
    pieces: list[tuple[str, bytes]] = []
    for word in _ENCODED_WORD.finditer(run[0]):
        charset = word[1].partition("*")[0].lower()  # RFC 2231 appends a language
        data = _word_bytes(word[2], word[3])
        if data is None:
            return run[0]
        if pieces and pieces[-1][0] == charset:
            data = pieces.pop()[1] + data
        pieces.append((charset, data))
    return "".join(text_of(data, charset) for charset, data in pieces)


def _word_bytes(encoding: str, content: str) -> bytes | None:
    try:
        if encoding.lower() == "q":
            return quopri.decodestring(content.encode("ascii"), header=True)
        return base64.b64decode(content.encode("ascii") + b"=" * (-len(content) % 4))
    except (UnicodeEncodeError, binascii.Error):
        return None
