"""The one author that a mail names, as an address that can be compared.

Owns: reading the field From so strictly that it cannot be read in two ways.
Does not know: whether the author wrote it. What shows beside the address (a display name, Reply-To, Sender) names nobody.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from email.errors import MisplacedEnvelopeHeaderDefect

from agent.addresses import UNSEEN, a_label, comparable
from agent.letters import headers, syntax
from agent.letters.headers import Mail

_LONGEST_FIELD = 2_000  # characters
_LONGEST_LOCAL = 64
_QUOTED = "\x00"  # stands for a quoted string: no address may hold one
_MAILBOX = re.compile(r"(?P<name>[^<>]*)<\s*(?P<bracketed>[^<>\s]+)\s*>|(?P<plain>[^<>\s]+)")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u0080-\U0010ffff-]+")


@dataclass(frozen=True, kw_only=True)
class Author:
    """Who a mail says has written it."""

    address: str = ""  # lower-case, its domain as A-label; empty where From names nobody
    problem: str = ""  # why it names nobody, in words

    @property
    def domain(self) -> str:
        """The address's domain."""
        return self.address.rpartition("@")[2]


def read(mail: Mail) -> Author:
    """The author of a mail."""
    values = [str(value) for name, value in mail.raw_items() if name.strip().lower() == "from"]
    if any(isinstance(defect, MisplacedEnvelopeHeaderDefect) for defect in mail.defects):
        return Author(problem="a From with a blank before its colon")  # some programs read it as one
    if len(values) != 1:
        return Author(problem=f"{len(values) or 'no'} fields From")
    if len(values[0]) > _LONGEST_FIELD:
        return Author(problem="a From that is far too long")
    return _only(syntax.bare(_text(values[0]), quoted=_QUOTED))


def _text(value: str) -> str:
    return headers.text_of(value.encode("utf-8", "surrogateescape"), "utf-8")


def _only(plain: str | None) -> Author:
    """The one author in a From, its comments and quoted strings taken out."""
    if plain is None:
        return Author(problem="a From with an end that is missing")
    if ":" in plain or ";" in plain:
        return Author(problem="a group in From")
    mailboxes = [piece.strip() for piece in plain.split(",") if piece.strip()]
    if len(mailboxes) != 1:
        return Author(problem=f"{len(mailboxes) or 'no'} senders in From")
    return _mailbox(mailboxes[0])


def _mailbox(piece: str) -> Author:
    found = _MAILBOX.fullmatch(piece)
    address = plain_address((found["bracketed"] or found["plain"]) if found else "")
    if found is None or not address:
        return Author(problem="a From that is no plain address")
    name = headers.decoded(found["name"] or "").strip("' ")
    if "@" in (found["name"] or "") and plain_address(name) != address:
        return Author(problem="two addresses in From")
    return Author(address=address)


def plain_address(text: str) -> str:
    """The address in the form in which it is compared; empty if it is none, or none that could be read in one way only."""
    local, separator, domain = text.rpartition("@")
    if not separator or not a_label(domain) or len(local) > _LONGEST_LOCAL or not _LOCAL.fullmatch(local):
        return ""
    if not local.isascii() and (
        unicodedata.normalize("NFC", local) != local
        or any(unicodedata.category(one) in UNSEEN for one in local)
    ):
        return ""
    return comparable(text)
