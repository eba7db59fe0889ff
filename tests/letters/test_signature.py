"""DKIM: which signatures hold, and how much of a mail they cover."""

from __future__ import annotations

import pytest

from agent.letters import signature
from agent.letters.records import Lookup, NoAnswerError, Table
from agent.letters.signature import Signature
from tests.letters.mailbag import NOW, fields, letter, records, signer

pytestmark = pytest.mark.rule("E29")

# RFC 8463, appendix A.
FOOTBALL = b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""
FOOTBALL_KEY = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

WEAK_PUBLIC = (
    "MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhAMCAo9OQwkRWDQZYPvs/VafQy65g4NN0WJvPrNh6CHykL9mZGuQeYU+J0rwErTEwFbXHjREQelugkdNINdp6Rx3T"
    "+JB08QJZItCMJKXDy+0QZbw1Y5Hxpv0IJCSg7eByqQIDAQAB"
)
WEAK_PRIVATE = b"""\
-----BEGIN RSA PRIVATE KEY-----
MIIBzAIBAAJhAMCAo9OQwkRWDQZYPvs/VafQy65g4NN0WJvPrNh6CHykL9mZGuQe
YU+J0rwErTEwFbXHjREQelugkdNINdp6Rx3T+JB08QJZItCMJKXDy+0QZbw1Y5Hx
pv0IJCSg7eByqQIDAQABAmEAj8pHFQwHIDZKqleWS+PmHmEHE20H4ssAOPpqOJUG
69tUZqxHeuf6dggT4h94Isqv0DYIywJ0r1j1FKtR6WQ8zAdWp6z+nS9fx5wQpquO
dMMcjzrXAAu9twb97KYKNfsRAjEA7yfxaXi7mwQdvRIUBznvGZT4Of1na1fh5EEu
OESDY43rhefW5jodyGoMyPXAJJsdAjEAzg+E+VwpZ2nQXQRRa6IVESrhPOF8WQph
GFN5kcXwRENISMQnSstszihJUpnT8BP9AjEAtX/B1gK7ljy8eQYkTwunqumErTXk
a/HJTJovAqL0d/R3/yrgy97lRXk+dLEU/nL9AjAqJdiAHM7HPUiGTiTNTDjc6xVp
G4IQwGO90w0xuPf9LnnxkFWtIdDeljTxNU+5co0CMQDkmVxcW9GMCUflcJAIDOB+
RnAK9rgpizIxa//xIt1vG+2ebNBG4Wa52/eTKQfYfec=
-----END RSA PRIVATE KEY-----
"""


def checked(
    mail: bytes, lookup: Lookup | None = None, *, at: float = NOW, is_whole: bool = True
) -> list[Signature]:
    return signature.check(
        mail, arrived_at=at, records=lookup or records(), counts=lambda _domain: True, is_whole=is_whole
    )


def one(mail: bytes, lookup: Lookup | None = None, *, at: float = NOW) -> Signature:
    (found,) = checked(mail, lookup, at=at)
    return found


@pytest.mark.parametrize("ways", [(b"relaxed", b"relaxed"), (b"simple", b"simple"), (b"relaxed", b"simple")])
@pytest.mark.parametrize("text", ["Hello", "", "a  b \t \r\n\r\n c\r\n\r\n\r\n", "\r\n\r\n", "x" * 100_000])
def test_an_unaltered_mail_holds(ways: tuple[bytes, bytes], text: str) -> None:
    found = one(signer("example.org").sign(letter(text=text), canonicalize=ways))
    assert (found.domain, found.problem, found.covers_body, found.open_fields) == (
        "example.org", "", True, frozenset({"dkim-signature"}),
    )  # fmt: skip
    assert found.signed_at == NOW


def test_ed25519_is_known() -> None:
    table = Table({"brisbane._domainkey.football.example.com": FOOTBALL_KEY})
    assert one(FOOTBALL, table, at=1528637999).problem == ""
    assert one(FOOTBALL.replace(b"lost", b"won"), table, at=1528637999).problem
    assert one(FOOTBALL.replace(b"Is dinner", b"Is lunch"), table, at=1528637999).problem


@pytest.mark.parametrize(
    ("was", "is_now"),
    [
        (b"emptied?", b"emptied!"),
        (b"Subject: Bins", b"Subject: Keys"),
        (b"<anna@example.org>", b"<bo@example.org>"),
    ],
)
def test_an_altered_mail_does_not_hold(was: bytes, is_now: bytes) -> None:
    mail = signer("example.org").sign(letter())
    assert was in mail
    assert one(mail.replace(was, is_now)).problem


def test_what_is_appended_behind_a_signed_length_is_noticed() -> None:
    mail = signer("example.org").sign(letter(), length=True)
    assert one(mail).covers_body
    found = one(mail + b"And send everything to Mallory.\r\n")
    assert (found.problem, found.covers_body) == ("", False)


@pytest.mark.parametrize("name", ["Subject", "To", "Reply-To", "Content-Type"])
def test_fields_that_anybody_can_have_added_are_open(name: str) -> None:
    mail = signer("example.org").sign(letter())
    assert name.lower() in one(f"{name}: x\r\n".encode() + mail).open_fields


def test_a_field_that_was_signed_as_absent_cannot_be_added() -> None:
    mail = signer("example.org").sign(
        letter(), fields=("from", "from", "to", "subject", "subject", "reply-to")
    )
    assert one(mail).problem == ""
    assert one(b"Reply-To: mallory@evil.example\r\n" + mail).problem
    assert one(b"Subject: x\r\n" + mail).problem


def test_sha_1_proves_nothing() -> None:
    mail = signer("example.org").sign(letter(), signature_algorithm=b"rsa-sha1")
    assert "rsa-sha1" in one(mail).problem


def test_a_short_key_proves_nothing() -> None:
    import dkim

    field = dkim.sign(
        letter(), b"weak", b"example.org", WEAK_PRIVATE, include_headers=[b"from", b"to", b"subject"]
    )
    table = Table({"weak._domainkey.example.org": f"v=DKIM1; p={WEAK_PUBLIC}"})
    assert "768" in one(field + letter(), table).problem


def test_a_signature_counts_at_the_moment_of_arrival() -> None:
    mail = signer("example.org").sign(letter())
    assert one(mail, at=NOW + 30 * 86_400).problem == ""
    early = one(mail, at=NOW - 86_400)
    assert (early.problem, early.signed_at) == ("", 0.0)


def with_expiry(after: int) -> bytes:
    """A mail whose signature ends so many seconds after now; dkimpy does not make such, so the field is signed by hand."""
    import dkim

    own = signer("example.org")

    class Expiring(dkim.DKIM):  # type: ignore[misc]
        def gen_header(self, given: list[tuple[bytes, bytes]], *others: object, **more: object) -> object:
            given.insert(4, (b"x", str(int(NOW) + after).encode()))
            return super().gen_header(given, *others, **more)

    signing = Expiring(letter())
    field = signing.sign(
        b"office", b"example.org", own.private, include_headers=[b"from", b"to", b"subject", b"date"]
    )
    return bytes(field) + letter()


def test_an_expired_signature_does_not_hold() -> None:
    assert one(with_expiry(86_400)).problem == ""
    assert "expired" in one(with_expiry(86_400), at=NOW + 2 * 86_400).problem
    assert "expired" in one(with_expiry(-86_400)).problem  # ends before it was made


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("", "not published"),
        ("v=DKIM1; p=", "revoked"),
        ("v=DKIM1; t=y; p={key}", "tests"),
        ("v=DKIM1; h=sha1; p={key}", "not meant"),
        ("v=DKIM1; s=tlsrpt; p={key}", "not meant"),
        ("v=DKIM2; p={key}", "another kind"),
        ("v=DKIM1; k=ed25519; p={key}", "another kind"),
        ("v=DKIM1; p={key}; p={key}", "not published"),
        ("v=DKIM1; p=AAAA", "cannot be read"),
        ("v=DKIM1; p=%%%", "cannot be read"),
        ("v=DKIM1; p=" + "A" * 5000, "not one key"),
    ],
)
def test_a_key_that_is_not_for_this_proves_nothing(record: str, words: str) -> None:
    own = signer("example.org")
    table = Table({own.name: record.replace("{key}", own.public)} if record else {})
    assert words in one(own.sign(letter()), table).problem


def test_two_keys_under_one_name_are_none() -> None:
    own = signer("example.org")
    assert one(own.sign(letter()), Table({own.name: [own.record(), own.record()]})).problem
    assert (
        one(own.sign(letter()), Table({own.name: ["google-site-verification=x", own.record()]})).problem == ""
    )


def test_a_key_can_be_kept_from_subdomains() -> None:
    own = signer("example.org")
    mail = own.sign(letter(), identity=b"@sub.example.org")
    assert one(mail).problem == ""
    assert "subdomains" in one(mail, Table({own.name: own.record("t=s;")})).problem
    assert one(own.sign(letter()), Table({own.name: own.record("t=s;")})).problem == ""


def test_an_identity_outside_the_signers_domain_does_not_hold() -> None:
    mail = signer("example.org").sign(letter())
    assert one(mail.replace(b"i=@example.org", b"i=@example.net")).problem


@pytest.mark.parametrize(
    "field",
    [
        "v=1; a=rsa-sha256; d=example.org; s=office; h=to:subject; bh=AAAA; b=AAAA",
        "v=1; a=rsa-sha256; d=example.org; s=office; h=from; bh=AAAA; b=%%%%",
        "v=1; a=rsa-sha256; d=example.org; s=office; h=from; bh=A; b=A",
        "v=1; a=rsa-sha256; d=example.org; s=office; h=from; b=AAAA",
        "v=1; a=rsa-sha256; d=example.org; h=from; bh=AAAA; b=AAAA",
        "v=1; d=example.org; s=office; h=from; bh=AAAA; b=AAAA",
        "v=1; a=rsa-sha256; c=odd/odd; d=example.org; s=office; h=from; bh=AAAA; b=AAAA",
        "v=1; a=rsa-sha256; d=example.org; s=office; h=from; bh=AAAA; b=AAAA; x=soon",
        "v=1; a=rsa-sha256; d=example.org; s=office; h=from; bh=AAAA; b=AAAA; l=-1",
        "v=1; a=rsa-sha256; d=example.org; s=../../etc; h=from; bh=AAAA; b=AAAA",
        "v=1; a=rsa-sha256; d=example.org; s=office; h=" + ":".join(["from"] * 300) + "; bh=AAAA; b=AAAA",
    ],
)
def test_a_broken_signature_does_not_hold_and_breaks_nothing(field: str) -> None:
    assert one(f"DKIM-Signature: {field}\r\n".encode() + letter()).problem


@pytest.mark.parametrize(
    "field",
    [
        "",
        "nonsense",
        "v=1; v=1; d=example.org",
        "d=",
        "d=b\u00fccher.example\u200b; s=x",
        "d=exam ple.org; s=x",
    ],
)
def test_what_is_no_signature_is_none(field: str) -> None:
    assert checked(f"DKIM-Signature: {field}\r\n".encode() + letter()) == []


@pytest.mark.parametrize(
    "trick", [b"X: 1\rSubject: evil\r\n", b"From x\r\n\r\n", b"no field\r\n", b" folded first\r\n"]
)
def test_where_two_parsers_could_find_different_fields_nothing_is_proven(trick: bytes) -> None:
    assert [
        found for found in checked(trick + signer("example.org").sign(letter())) if not found.problem
    ] == []


def test_keys_of_domains_that_do_not_count_are_not_asked_for() -> None:
    asked: list[str] = []

    def lookup(name: str, /) -> list[str]:
        asked.append(name)
        return []

    mail = signer("evil.example").sign(signer("example.org").sign(letter()))
    signature.check(mail, arrived_at=NOW, records=lookup, counts=lambda domain: domain == "example.org")
    assert asked == ["office._domainkey.example.org"]


def test_of_many_signatures_only_the_first_few_are_looked_at() -> None:
    asked: list[str] = []

    def lookup(name: str, /) -> list[str]:
        asked.append(name)
        return []

    field = "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s={}; h=from; bh=AAAA; b=AAAA\r\n"
    mail = "".join(field.format(f"s{number}") for number in range(100)).encode() + letter()
    signature.check(mail, arrived_at=NOW, records=lookup, counts=lambda _domain: True)
    assert len(asked) <= 4


def away(name: str, /) -> list[str]:
    raise NoAnswerError(f"nobody answers for {name}")


def test_without_an_answer_nothing_is_decided() -> None:
    with pytest.raises(NoAnswerError):
        checked(signer("example.org").sign(letter()), away)


def test_another_signature_that_holds_needs_no_answer() -> None:
    second = signer("example.org", "second")

    def lookup(name: str, /) -> list[str]:
        return [second.record()] if name == second.name else away(name)

    mail = second.sign(signer("example.org").sign(letter()))
    assert [found.problem for found in checked(mail, lookup)] == [""]


def test_of_a_beginning_the_headers_are_proven() -> None:
    mail = signer("example.org").sign(letter(text="long\r\n" * 1000))[:1500]
    (found,) = checked(mail, is_whole=False)
    assert (found.problem, found.covers_body) == ("", False)
    assert checked(mail)[0].problem


@pytest.mark.timeout(60)  # what takes quadratic time takes hours
@pytest.mark.parametrize(
    "text",
    [" " * 3_000_000, "\r\n" * 500_000 + "x", "a\t" * 1_000_000, ("x" + " " * 5000 + "\r\n") * 300],
    ids=["blanks", "lines", "tabs", "long blanks"],
)
def test_a_hostile_body_takes_no_long_time(text: str) -> None:
    assert one(signer("example.org").sign(letter()) + text.encode()).problem


@pytest.mark.timeout(60)
def test_a_hostile_head_takes_no_long_time() -> None:
    blank = "v=1; a=rsa-sha256; d=example.org; s=office; h=from; bh=AAAA; b=" + "\r\n \t" * 1500 + "!"
    assert checked(f"DKIM-Signature: {blank}\r\n".encode() + letter()) == []
    assert checked(letter([*fields(), *(f"X-{number}: x" for number in range(3000))])) == []
