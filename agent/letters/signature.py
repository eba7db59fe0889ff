"""DKIM signatures (RFC 6376, with 8301 and 8463): which of them hold, and what of the mail they cover.

Owns: the checks around dkimpy's arithmetic: what is signed, with which key, until when.
Does not know: who the author is, or what a signature is worth; `identity` weighs it.

A mail is text by whoever has an account: every limit here is one on work.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from dkim.canonicalization import CanonicalizationPolicy
from dkim.util import parse_tag_value

from agent.addresses import a_label
from agent.letters import headers
from agent.letters.records import Lookup, NoAnswerError, tags

FIELD = b"dkim-signature"
_SHORTEST_KEY = 1024  # bits, RFC 8301
_LONGEST_RECORD = 4_000  # characters: a key of 16,384 bits
_ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}  # SHA-1 proves nothing any more
_MOST_SIGNATURES = 4  # whose keys are asked for
_MOST_FIELDS = 500
_MOST_NAMES = 200
_LONGEST_SIGNATURE = 5_000  # bytes
_LONG_BLANK = re.compile(rb"\s{100}")  # dkimpy's patterns take polynomial time on blanks
_CLOCKS_S = 600.0  # how far two clocks may differ


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One signature of a mail."""

    domain: str  # who signed, as A-label
    problem: str = ""  # why it does not hold, in words; empty: it holds
    covers_body: bool = False  # to its last byte
    signed_at: float = 0.0  # seconds since 1970; 0 where it does not say
    open_fields: frozenset[str] = (
        frozenset()
    )  # fields of the mail, lower-case, that anybody can have added or changed


class _BrokenError(Exception):
    """Why a signature does not hold."""


def check(
    mail: bytes,
    *,
    arrived_at: float,
    records: Lookup,
    counts: Callable[[str], bool],
    is_whole: bool = True,
) -> list[Signature]:
    """The signatures of a mail by domains that count; those of others are not looked at, and their keys not asked for.

    Args:
        mail: The mail as it came.
        arrived_at: When it arrived, in seconds since 1970: at that moment a signature must have been valid.
        records: Asks for the keys.
        counts: Whether a domain's signature is of any use.
        is_whole: Whether the body is all there; else it is left out of the check.

    Raises:
        NoAnswerError: A key cannot be had now, and no other signature holds.
    """
    fields, body = apart(mail)
    found: list[Signature] = []
    away: NoAnswerError | None = None
    for field in [field for field in fields if field[0].lower() == FIELD]:
        if len(found) == _MOST_SIGNATURES:
            break
        given = _tags(field[1])
        domain = a_label(given.get("d", ""))
        try:
            if not domain or not counts(domain):
                continue
            found.append(_checked(_Mail(fields, body, is_whole), field, given, arrived_at, records))
        except NoAnswerError as not_now:
            away = not_now
        except _BrokenError as broken:
            found.append(Signature(domain=domain, problem=str(broken)))
        except Exception as odd:  # noqa: BLE001 - dkimpy and its parsers of keys raise a dozen kinds
            found.append(Signature(domain=domain, problem=f"it cannot be read ({type(odd).__name__})"))
    if away and not any(not one.problem for one in found):
        raise away
    return found


@dataclass(frozen=True)
class _Mail:
    fields: list[tuple[bytes, bytes]]
    body: bytes
    is_whole: bool


def apart(mail: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """A mail's fields and body as dkimpy finds them; no fields where the parser that reads the mail finds others."""
    mail = re.sub(rb"(?<!\r)\n", b"\r\n", mail) if b"\n" in mail.replace(b"\r\n", b"") else mail
    head, _, body = mail.partition(b"\r\n\r\n")
    if mail.startswith(b"\r\n") or len(head) > headers.LONGEST_HEAD or b"\r" in head.replace(b"\r\n", b""):
        return [], b""
    try:
        fields = [(name, value) for name, value in dkim.rfc822_parse(head + b"\r\n\r\n")[0]]
    except (dkim.DKIMException, IndexError):
        return [], b""
    read = [name.lower() for name in headers.parse(head + b"\r\n\r\n").keys()]  # noqa: SIM118 - a mail may hold a name twice
    same = read == [name.decode("ascii").lower() for name, _ in fields]
    return (fields, body) if same and len(fields) <= _MOST_FIELDS else ([], b"")


def _tags(value: bytes) -> dict[str, str]:
    if len(value) > _LONGEST_SIGNATURE or _LONG_BLANK.search(value):
        return {}
    try:
        return {key.decode(): text.decode() for key, text in parse_tag_value(value).items()}
    except (ValueError, dkim.util.InvalidTagValueList):
        return {}


def _checked(
    mail: _Mail, field: tuple[bytes, bytes], given: dict[str, str], arrived_at: float, records: Lookup
) -> Signature:
    signed_at = _valid_when(given, arrived_at)
    names = [name.strip().lower() for name in given.get("h", "").split(":")]
    if given.get("a", "").lower() not in _ALGORITHMS:
        raise _BrokenError(f"it is made with {given.get('a', 'nothing')[:20]}, which proves nothing")
    if "from" not in names:
        raise _BrokenError("it leaves From out")
    if len(names) > _MOST_NAMES:
        raise _BrokenError("it names too many fields")
    timeless = {key.encode(): text.encode() for key, text in given.items() if key not in ("t", "x")}
    dkim.validate_signature_fields(timeless)
    record = _key(given, records)
    covers_body = _hold(mail, field, timeless, names, record)
    return Signature(
        domain=a_label(given["d"]),
        covers_body=covers_body,
        signed_at=signed_at,
        open_fields=_open(mail, names),
    )


def _valid_when(given: dict[str, str], arrived_at: float) -> float:
    """When it was made; 0 where it does not say, or says a moment that had not come yet: a clock that is wrong is no forgery.

    Raises:
        _BrokenError: It had expired when the mail arrived.
    """
    moments = {name: given[name] for name in ("t", "x") if name in given}
    if not all(re.fullmatch(r"[0-9]{1,12}", moment) for moment in moments.values()):
        raise _BrokenError("its times are no numbers")
    made, ends = float(moments.get("t", 0)), float(moments.get("x", 0))
    if "x" in moments and (ends < arrived_at - _CLOCKS_S or ends < made):
        raise _BrokenError("it had expired")
    return made if made <= arrived_at + _CLOCKS_S else 0.0


def _key(given: dict[str, str], records: Lookup) -> str:
    """The record with the public key.

    Raises:
        _BrokenError: There is none, or not for this signature.
        NoAnswerError: It cannot be had now.
    """
    domain, selector = a_label(given["d"]), a_label(given["s"])
    name = f"{selector}._domainkey.{domain}"
    texts = [text for text in records(name) if "p" in tags(text)]
    if len(texts) != 1 or len(texts[0]) > _LONGEST_RECORD:
        raise _BrokenError("its key is not published" if not texts else "its key is not one key")
    key = tags(texts[0])
    flags = [flag.strip().lower() for flag in key.get("t", "").split(":")]
    services = [service.strip().lower() for service in key.get("s", "*").split(":")]
    hashes = [one.strip().lower() for one in key.get("h", "sha256").split(":")]
    if key.get("v", "DKIM1") != "DKIM1" or key.get("k", "rsa").lower() != _ALGORITHMS[given["a"].lower()]:
        raise _BrokenError("its key is of another kind")
    if not key["p"]:
        raise _BrokenError("its key is revoked")
    if "y" in flags:
        raise _BrokenError("its key is published for tests")
    if "sha256" not in hashes or not {"*", "email"} & set(services):
        raise _BrokenError("its key is not meant for this")
    if "s" in flags and given.get("i", f"@{domain}").lower().rpartition("@")[2] != domain:
        raise _BrokenError("its key is not meant for subdomains")
    return texts[0]


def _hold(
    mail: _Mail, field: tuple[bytes, bytes], given: dict[bytes, bytes], names: list[str], record: str
) -> bool:
    """Whether it covers the body to its last byte.

    Raises:
        _BrokenError: It does not fit the mail.
    """
    verifier = dkim.DKIM(None, minkey=_SHORTEST_KEY)
    verifier.headers, verifier.body = mail.fields, linear(mail.body, given.get(b"c", b""))
    if tags(record).get("k", "rsa").lower() == "rsa":
        verifier.pk, verifier.keysize, verifier.ktag, _ = dkim.evaluate_pk(b"key", record.encode())
    else:
        verifier.pk, verifier.keysize, verifier.ktag = _Ed25519(tags(record)["p"]), 256, b"ed25519"
    if verifier.ktag == b"rsa" and verifier.keysize < _SHORTEST_KEY:
        raise _BrokenError(f"its key is short ({verifier.keysize} bits)")
    checked = given if mail.is_whole else {key: text for key, text in given.items() if key != b"bh"}
    try:
        holds = verifier.verify_sig_process(checked, [name.encode() for name in names], field, None)
    except dkim.ValidationError as altered:
        raise _BrokenError("the text is not the one that was signed") from altered
    if not holds:
        raise _BrokenError("the headers are not the ones that were signed")
    return mail.is_whole and _covers(verifier.body, given)


class _Ed25519:
    """A key as dkimpy expects one of PyNaCl, with the arithmetic of the library that the house has anyway."""

    def __init__(self, text: str) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(
            base64.b64decode(re.sub(r"\s+", "", text), validate=True)
        )

    def verify(self, signed: bytes, signature: bytes) -> None:
        """Raises cryptography's error if it does not fit."""
        self._key.verify(signature, signed)


def linear(body: bytes, way: bytes) -> bytes:
    """The body with that part of canonicalisation done for which dkimpy takes quadratic time on long blanks.

    Args:
        body: The body, with CRLF.
        way: The signature's tag `c`.
    """
    if not way.strip().lower().endswith(b"/relaxed"):
        return body
    return re.sub(rb"[\t ]+", b" ", body).replace(b" \r\n", b"\r\n")


def _covers(body: bytes, given: dict[bytes, bytes]) -> bool:
    if b"l" not in given:
        return True
    policy = CanonicalizationPolicy.from_c_value(given.get(b"c", b"simple/simple"))
    return len(cast("bytes", policy.canonicalize_body(body))) <= int(given[b"l"] or b"0")


def _open(mail: _Mail, names: list[str]) -> frozenset[str]:
    """Fields that stand in the mail more often than they were signed: from the bottom up, the others are anybody's."""
    there = Counter(name.decode("ascii").lower() for name, _ in mail.fields)
    signed = Counter(names)
    return frozenset(name for name, count in there.items() if count > signed[name])
