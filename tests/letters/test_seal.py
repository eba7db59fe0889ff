"""A forwarder's seal (ARC): it helps only if the forwarder is trusted, and never makes a sender verified."""

from __future__ import annotations

import dkim
import pytest

from agent.letters.records import NoAnswerError
from agent.message import ASSERTED, UNVERIFIED
from tests.letters.mailbag import ANNA, BORDER, PROVIDER, letter, on_top, signer, who

pytestmark = pytest.mark.rule("E30")

FORWARDER = "forwarder.example"
SAW = "dmarc=pass header.from=example.org; spf=pass smtp.mailfrom=example.org"


def sealed(mail: bytes, by: str, found: str = SAW, *, chain: str = "") -> bytes:
    """The mail as a forwarder passes it on, who found this when it came."""
    own = signer(by)
    seen = f"Authentication-Results: {by}; {found}{chain}\r\n".encode() + mail
    names = [b"from", b"to", b"subject", b"date", b"message-id"]
    made = dkim.ARC(seen).sign(
        own.selector.encode(), by.encode(), own.private, by.encode(), include_headers=names
    )
    return b"".join(made) + mail


def test_a_trusted_forwarders_word_makes_a_sender_asserted_and_no_more() -> None:
    found = who(sealed(letter(), FORWARDER), sealers=(FORWARDER,))
    assert (found.sender, found.level, found.rule) == (ANNA, ASSERTED, "E30")
    assert FORWARDER in found.why


def test_a_seal_of_somebody_else_is_worth_nothing() -> None:
    assert who(sealed(letter(), FORWARDER)).level == UNVERIFIED
    assert who(sealed(letter(), "evil.example"), sealers=(FORWARDER,)).level == UNVERIFIED


def test_that_the_provider_found_a_seal_is_worth_nothing_by_itself() -> None:
    for word in (
        "arc=pass",
        "arc=pass (i=1 spf=pass dkim=pass dmarc=pass header.from=example.org)",
        "arc=pass header.oldest-pass=0",
    ):
        mail = on_top(sealed(letter(), FORWARDER), f"Authentication-Results: {PROVIDER}; {word}", BORDER)
        assert who(mail).level == UNVERIFIED


@pytest.mark.parametrize(
    "saw",
    [
        "dmarc=fail header.from=example.org",
        "dmarc=pass header.from=evil.example",
        "spf=pass smtp.helo=example.org",
        "none",
        "arc=none",
    ],
)
def test_what_the_forwarder_found_must_speak_for_the_author(saw: str) -> None:
    assert who(sealed(letter(), FORWARDER, saw), sealers=(FORWARDER,)).level == UNVERIFIED


@pytest.mark.parametrize(
    ("was", "is_now"),
    [
        (b"emptied?", b"emptied!"),
        (b"Bins", b"Keys"),
        (b"dmarc=pass", b"dmarc=none"),
        (b"cv=none", b"cv=pass"),
        (b"<anna@", b"<bert@"),
    ],
)
def test_an_altered_mail_or_seal_does_not_hold(was: bytes, is_now: bytes) -> None:
    mail = sealed(letter(), FORWARDER)
    assert was in mail
    assert who(mail.replace(was, is_now), sealers=(FORWARDER,)).level == UNVERIFIED


def test_of_two_seals_the_newest_counts() -> None:
    first = sealed(letter(), FORWARDER)
    then_evil = sealed(first, "evil.example", chain="; arc=pass")
    assert b"i=2" in then_evil
    assert who(then_evil, sealers=(FORWARDER,)).level == UNVERIFIED
    first_evil = sealed(letter(), "evil.example")
    assert who(sealed(first_evil, FORWARDER, chain="; arc=pass"), sealers=(FORWARDER,)).level == ASSERTED


def test_a_seal_cut_out_of_another_mail_does_not_hold() -> None:
    other = sealed(letter(text="something else"), FORWARDER)
    seals = other[: other.index(b"From:")]
    assert who(seals + letter(), sealers=(FORWARDER,)).level == UNVERIFIED


@pytest.mark.parametrize(
    "field",
    [
        "ARC-Seal: i=1",
        "ARC-Seal: i=99; cv=pass; d=forwarder.example; s=x; b=AAAA",
        "ARC-Message-Signature: \u00fc",
    ],
)
def test_a_broken_seal_breaks_nothing(field: str) -> None:
    assert who(on_top(letter(), field), sealers=(FORWARDER,)).level == UNVERIFIED
    assert who(on_top(letter(), *[field] * 200), sealers=(FORWARDER,)).level == UNVERIFIED


def test_while_no_name_server_answers_the_mail_waits() -> None:
    def away(name: str, /) -> list[str]:
        raise NoAnswerError(f"nobody answers for {name}")

    mail = sealed(letter(), FORWARDER)
    with pytest.raises(NoAnswerError):
        who(mail, sealers=(FORWARDER,), lookup=away)
    assert who(mail, sealers=(FORWARDER,), lookup=away, is_last_try=True).level == UNVERIFIED
