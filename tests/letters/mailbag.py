"""Mails for the tests of who wrote one: Anna's, her domain's key, and the provider of the house.

Owns: the cast, and writing their mails line by line.
Does not know: how any of it is checked.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import cache

from agent.letters.identity import Identity, identify
from agent.letters.records import Lookup, Table
from agent.letters.stamp import authority
from tests.live.signing import Signer

ANNA = "anna@example.org"
BOX = "nisse@box.example"
PROVIDER = "mx.provider.example"
NOW = float(int(time.time()))

BORDER = f"Received: from out.example.org (out.example.org [93.184.215.14]) by {PROVIDER} with ESMTPS; now"
EVIL_BORDER = f"Received: from evil.example (evil.example [93.184.215.99]) by {PROVIDER} with ESMTPS; now"
PASSED = f"Authentication-Results: {PROVIDER}; dmarc=pass header.from=example.org"


@cache
def signer(domain: str, selector: str = "office") -> Signer:
    """The domain's mail server; the same one at each call."""
    return Signer(domain, selector, bits=1024)


def records(**more: str) -> Table:
    """What the domains of the cast publish.

    Args:
        more: Further records by name, with `__` for each dot.
    """
    known = [signer(domain) for domain in ("example.org", "evil.example", "forwarder.example")]
    return Table(
        {one.name: one.record() for one in known}
        | {name.replace("__", "."): text for name, text in more.items()}
    )


def fields(**changed: str | None) -> list[str]:
    """The lines of an ordinary mail's head.

    Args:
        changed: Other values, or None to leave a field out, by name with `_` for each hyphen.
    """
    usual: dict[str, str | None] = {
        "From": f"Anna <{ANNA}>",
        "To": BOX,
        "Subject": "Bins",
        "Date": formatdate(NOW),
        "Message-ID": "<q1@example.org>",
    }
    given = {name.replace("_", "-"): value for name, value in changed.items()}
    return [f"{name}: {value}" for name, value in (usual | given).items() if value is not None]


def letter(lines: list[str] | None = None, text: str = "When is the bin emptied?") -> bytes:
    """A mail's bytes from the lines of its head."""
    return "\r\n".join([*(fields() if lines is None else lines), "", text, ""]).encode(
        "utf-8", "surrogateescape"
    )


def on_top(mail: bytes, *lines: str) -> bytes:
    """The mail with further fields above it, as servers put them."""
    return "".join(f"{line}\r\n" for line in lines).encode() + mail


def who(
    mail: bytes,
    *,
    lookup: Lookup | None = None,
    pinned: str = PROVIDER,
    sealers: tuple[str, ...] = (),
    is_last_try: bool = False,
) -> Identity:
    """Whose mail the house takes it for."""
    return identify(
        mail,
        arrived_at=NOW,
        records=records() if lookup is None else lookup,
        authority=authority(pinned),
        sealers=sealers,
        is_last_try=is_last_try,
    )
