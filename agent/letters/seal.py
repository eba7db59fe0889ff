"""The seal of a forwarder that the owner trusts (ARC, RFC 8617).

Owns: whether the newest seal of a mail is such a forwarder's, and what that forwarder found when the mail came to it.
Does not know: what follows from it.

A seal says that its maker received the mail so. Whoever is not trusted can seal anything, so only the newest seal counts: its maker
answers for the mail as it is now.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import dkim
from dkim.util import parse_tag_value

from agent.addresses import a_label
from agent.letters import signature, stamp
from agent.letters.records import Lookup, NoAnswerError, tags

_MOST_SEALS = 10
_LONG_BLANK = re.compile(rb"\s{100}")
_LONGEST_FIELD = 10_000  # bytes
_NEEDED = {b"from", b"subject", b"to", b"date"}


def find(mail: bytes, *, records: Lookup, sealers: Collection[str]) -> tuple[str, tuple[stamp.Result, ...]]:
    """Who sealed the mail last, and what they found; nothing unless they are trusted and the whole chain holds.

    Args:
        mail: The mail as it came, whole.
        records: Asks for the keys.
        sealers: Domains of the forwarders that are trusted, lower-case.

    Raises:
        NoAnswerError: A key cannot be had now.
    """
    fields, body = signature.apart(mail)
    chain = [value for name, value in fields if name.lower().startswith(b"arc-")]
    if not chain or len(chain) > 3 * _MOST_SEALS or not sealers:
        return "", ()
    if any(len(value) > _LONGEST_FIELD or _LONG_BLANK.search(value) for value in chain):
        return "", ()
    try:
        return _newest(fields, body, records, sealers)
    except NoAnswerError:
        raise
    except Exception:  # noqa: BLE001 - dkimpy raises a dozen kinds on what is no chain
        return "", ()


def _newest(
    fields: list[tuple[bytes, bytes]], body: bytes, records: Lookup, sealers: Collection[str]
) -> tuple[str, tuple[stamp.Result, ...]]:
    def ask(name: bytes, timeout: float = 0) -> bytes:  # noqa: ARG001 - dkimpy's way of asking
        keys = [text for text in records(name.decode().rstrip(".").lower()) if tags(text).get("p")]
        return keys[0].encode() if len(keys) == 1 else b""

    verifier = dkim.ARC(None)
    verifier.headers, verifier.body = fields, signature.linear(body, b"relaxed/relaxed")
    last, there = verifier.sorted_arc_headers()
    message = {x.lower(): y for i, (x, y) in there if i == last}.get(b"arc-message-signature", b"")
    given = parse_tag_value(message)
    signers = {a_label(given.get(b"d", b"").decode())}
    names = {name.strip().lower() for name in given.get(b"h", b"").split(b":")}
    if not signers <= set(sealers) or b"l" in given or not names >= _NEEDED:
        return "", ()
    verdict, sets, _ = verifier.verify(dnsfunc=ask)
    sealer = a_label(sets[0]["as-domain"].decode()) if sets else ""
    if verdict != dkim.CV_Pass or sealer not in sealers:
        return "", ()
    _, _, found = sets[0]["aar-value"].decode("ascii", "replace").partition(";")
    return sealer, stamp.results(stamp.split(found)[1])
