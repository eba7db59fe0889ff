"""Plain text, in whatever charset it came.

Owns: finding the charset, and telling text from rubbish.
Does not know: any markup. Unknown kinds of document end here too, and are refused where they are no text.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from agent.errors import TooLargeError, UnreadableError
from agent.recall.pages import Limits, Page

SUFFIXES = (".txt", ".text", ".log", ".csv", ".ini", ".conf", ".toml", ".yaml", ".yml", ".json")
MEDIA_TYPES = ("text/plain",)

_CHARSETS = ("utf-8", "cp1252", "latin-1")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_ORDINARY_CONTROLS = "\t\n\r\f\x1b\x85"  # \x85 is an ellipsis or a line's end in older charsets
_MOST_CONTROLS = 0.002  # share of the characters; text has none, but a stray one should not refuse a book


def read(data: bytes, limits: Limits) -> Iterator[Page]:
    """The text as one page.

    Raises:
        UnreadableError: It is no text.
        TooLargeError: It is longer than the limit.
    """
    text = decode(data)
    if len(text) > limits.characters:
        raise TooLargeError(
            f"The text is longer than {limits.characters:,} characters.", hint="Send it in parts."
        )
    yield Page(text)


def decode(data: bytes) -> str:
    """The bytes as text: by their mark if they bear one, else the first charset that fits them.

    Raises:
        UnreadableError: They are no text in any.
    """
    for charset in (*(name for mark, name in _MARKS if data.startswith(mark)), *_CHARSETS):
        try:
            text = data.decode(charset)
        except UnicodeDecodeError:
            continue
        _refuse_rubbish(text)
        return text.replace("\r\n", "\n").replace("\r", "\n")
    raise AssertionError("latin-1 decodes everything")


def _refuse_rubbish(text: str) -> None:
    odd = sum(1 for sign in text if _is_control(sign))
    if "\0" in text or odd > len(text) * _MOST_CONTROLS:
        raise UnreadableError("This document is not text.", hint="Send it as PDF, Markdown or plain text.")


def _is_control(sign: str) -> bool:
    return (sign < " " or "\x7f" <= sign < "\xa0") and sign not in _ORDINARY_CONTROLS
