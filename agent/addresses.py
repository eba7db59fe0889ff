"""Mail addresses in the form in which they are compared.

Owns: what of an address does not count when two are compared, and domains as A-labels.
Does not know: who an address belongs to, or where in a mail it stood.
"""

from __future__ import annotations

import re
import unicodedata

import idna

UNSEEN = {
    "Cc",
    "Cf",
    "Cn",
    "Co",
    "Cs",
    "Zl",
    "Zp",
    "Zs",
    "Mn",
    "Me",
}  # categories of Unicode that show nothing of their own; combining marks were joined by NFC where they can be
_LONGEST_DOMAIN = 253
_ASCII_DOMAIN = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


def comparable(address: str) -> str:
    """The address without regard to case, its domain as A-label; what is no address is equal to nothing but itself.

    Letters that only look like others, or that only some programs take for the same, are left as they are: `ß` is not `ss`, and a
    Kelvin sign is no K.
    """
    local, _, domain = unicodedata.normalize("NFC", address.strip()).rpartition("@")
    return f"{_lower(local)}@{a_label(domain) or _lower(domain)}"


def a_label(domain: str) -> str:
    """The domain as the name system knows it (IDNA 2008), lower-case; empty if it is none."""
    if any(unicodedata.category(one) in UNSEEN for one in domain):
        return ""
    try:
        # Python's own codec takes "ß" for "ss", which today are the domains of two owners.
        ascii_form = domain.lower() if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return ""
    return ascii_form if len(ascii_form) <= _LONGEST_DOMAIN and _ASCII_DOMAIN.fullmatch(ascii_form) else ""


def _lower(text: str) -> str:
    return "".join(one.lower() if one.isascii() else one for one in text)
