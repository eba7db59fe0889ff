"""Header fields of a mail, as text that can be trusted to be text.

Owns: decoding a field however it was written (RFC 2047, raw 8-bit, both in one), addresses, and message ids.
Does not know: what any field means for an answer.

`email.policy.default` raises on some broken fields; mails are therefore parsed with the older policy and decoded here.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import quopri
import re
import unicodedata
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from email.utils import getaddresses
from typing import TypeAlias

LONGEST_FIELD = 10_000  # characters
LONGEST_HEAD = 256_000  # bytes
_MOST_LINES = 600_000  # 45 MB of attachments; of a mail with more only the beginning is read
_BEGINNING = 1_000_000  # bytes
_MOST_LOOKS = 10_000_000  # lines times multiparts: what the parser looks at
_MOST_FIELDS = 20  # of one name that are searched for addresses
_LONGEST_ID = 900  # characters; RFC 5322 allows lines of 998

_WORD = r"=\?([^?\s]{1,60})\?([bq])\?([^?]*)\?="
_ENCODED_WORD = re.compile(_WORD, re.IGNORECASE)
_RUN_OF_WORDS = re.compile(f"(?:{_WORD})+", re.IGNORECASE)
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(=\?[^?\s]{1,60}\?[bq]\?)", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<([^<>]+)>")
_BARE_ID = re.compile(r"[^\s<>@]+@[^\s<>@]+")
# Marks that no person types and that hide words from the eye: zero-width, directional, Unicode's tags, variation selectors that
# stand in a row (which can carry any text). Joiners are left where scripts and emoji need them, not beside Latin letters.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0000-\U000e0fff]|[\ufe00-\ufe0f]{2,}"
    "|(?<=[\0-\u024f])[\u200c\u200d\ufe00-\ufe0f]|(?<![^\0])[\u200c\u200d\ufe00-\ufe0f]|[\u200c\u200d](?=[\0-\u024f]|$)"
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_BROKEN = "\ufffd"
_FEW_BROKEN = 2  # characters that are whole for one that is broken
# What programs declare, and what they mean by it (as browsers read it, too).
_AS_READ = {
    "iso-8859-1": "cp1252", "latin1": "cp1252", "iso8859-1": "cp1252", "iso_8859-1": "cp1252", "us-ascii": "utf-8",
    "ascii": "utf-8", "ansi_x3.4-1968": "utf-8", "iso-8859-9": "cp1254", "iso-8859-11": "cp874", "tis-620": "cp874",
    "iso-8859-8-i": "cp1255", "iso-8859-8-e": "cp1255", "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030",
    "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932", "iso-2022-jp": "iso2022_jp_ext",
    "x-euc-jp": "euc_jp", "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "ks_c_5601": "cp949", "ksc5601": "cp949", "windows-949": "cp949",
    "windows-874": "cp874", "big5": "cp950", "x-big5": "cp950", "utf8mb4": "utf-8", "unicode-1-1-utf-8": "utf-8", "unicode-1-1-utf-7": "utf-7",
    "x-mac-roman": "mac_roman", "x-mac-cyrillic": "mac_cyrillic", "x-windows-1252": "cp1252", "cp-850": "cp850", "unknown-8bit": "utf-8",
}  # fmt: skip
# Python's codecs that are no charset of a mail, or take quadratic time.
_NO_CHARSETS = frozenset(["idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"])

Mail: TypeAlias = "Message[str, str]"


class _Short(Compat32):
    """The older policy, with an end to every field: some of Python's readers of fields take quadratic time."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        if name.lower() == "references" and len(value) > LONGEST_FIELD:
            half = LONGEST_FIELD // 2  # the first id names the thread, the last ones what is answered
            begin, end = value[:half], value[-half:]
            return name, f"{begin[: begin.rfind('>') + 1]} {end[max(0, end.find('<')) :]}"
        return name, value[:LONGEST_FIELD]


_POLICY = _Short()


def parse(mail: bytes) -> Mail:
    """The mail's structure. Never raises, and takes about a second at most: what is broken or too deep is kept as text."""
    lines = max(mail.count(b"\n"), mail.count(b"\r"))
    if lines > _MOST_LINES:
        mail = mail[:_BEGINNING]
    mail = _with_short_head(mail)
    flat = lines * mail.lower().count(b"multipart/") > _MOST_LOOKS
    try:
        return BytesParser(policy=_POLICY).parsebytes(mail, headersonly=flat)
    except Exception:  # noqa: BLE001 - RecursionError at parts within parts, and whatever else a hostile mail finds
        return BytesParser(policy=_POLICY).parsebytes(mail, headersonly=True)


def _with_short_head(mail: bytes) -> bytes:
    ends = [end for end in (mail.find(b"\n\n"), mail.find(b"\r\n\r\n")) if end >= 0]
    end = min(ends, default=len(mail))
    if end <= LONGEST_HEAD:
        return mail
    return mail[: mail.rfind(b"\n", 0, LONGEST_HEAD) + 1] + b"\n" + mail[end:].lstrip(b"\r\n")


def field(mail: Mail, name: str) -> str:
    """The first field of this name as one line of clean text; empty if there is none."""
    found = fields(mail, name)
    return found[0] if found else ""


def fields(mail: Mail, name: str) -> list[str]:
    """All fields of this name, as they stand from the top."""
    wanted = name.lower()
    return [decoded(str(value)) for key, value in mail.raw_items() if key.lower() == wanted]


def raw(mail: Mail, name: str) -> str:
    """The first field of this name as text, not decoded."""
    wanted = name.lower()
    found = next((str(value) for key, value in mail.raw_items() if key.lower() == wanted), "")
    return text_of(found[:LONGEST_FIELD].encode("utf-8", "surrogateescape"), "utf-8")


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
    texts = [text_of(value.encode("utf-8", "surrogateescape"), "utf-8") for value in values[:_MOST_FIELDS]]
    try:
        pairs = getaddresses(texts)
    except Exception:  # noqa: BLE001 - comments within comments end in a RecursionError; what nobody can read names nobody
        return []
    found = (clean(address).strip().lower() for _, address in pairs)
    return [address for address in found if "@" in address and " " not in address]


def message_ids(mail: Mail, name: str) -> list[str]:
    """The message ids in a field, with their angle brackets, in order; absurdly long ones are left out."""
    value = field(mail, name)
    if _BARE_ID.fullmatch(value):  # some programs forget the brackets
        value = f"<{value}>"
    found = (f"<{''.join(inner.split())}>" for inner in _MESSAGE_ID.findall(value))
    return [name for name in found if 2 < len(name.encode()) <= _LONGEST_ID]


def text_of(data: bytes, charset: str) -> str:
    """Bytes as text: as declared, else as UTF-8, else as Western European; never raises."""
    declared = charset.strip().strip("'\"").lower()
    for name in (_AS_READ.get(declared, declared) or "utf-8", "utf-8", "cp1252"):
        try:
            if codecs.lookup(name).name not in _NO_CHARSETS:
                return data.decode(name)
        except UnicodeDecodeError:
            if (text := _nearly(data, name)) is not None:
                return text
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")


def _nearly(data: bytes, charset: str) -> str | None:
    """The text with a mark for what is broken, if that is little: a cut character must not spoil all others."""
    if charset == "cp1252":
        return None
    text = data.decode(charset, "replace")
    broken = text.count(_BROKEN)
    return text if broken * _FEW_BROKEN <= sum(sign > "\x7f" for sign in text) - broken else None


def clean(text: str) -> str:
    """The text without control characters, invisible marks and halves of characters; newlines and tabs stay."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
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
