"""The level of a mail's sender, put together from signature, stamp and seal."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from agent.letters.identity import identify
from agent.letters.records import NoAnswerError, Table, tags
from agent.letters.stamp import authority
from agent.message import ASSERTED, UNVERIFIED, VERIFIED
from tests.letters.mailbag import (
    ANNA,
    BORDER,
    NOW,
    PASSED,
    PROVIDER,
    fields,
    letter,
    on_top,
    records,
    signer,
    who,
)

OWN = signer("example.org")
DAY = 86_400.0


def away(name: str, /) -> list[str]:
    raise NoAnswerError(f"nobody answers for {name}")


def stamped(results: str, mail: bytes | None = None) -> bytes:
    return on_top(
        letter() if mail is None else mail, f"Authentication-Results: {PROVIDER}; {results}", BORDER
    )


@pytest.mark.rule("E29")
def test_an_aligned_signature_makes_the_sender_verified() -> None:
    found = who(OWN.sign(letter()))
    assert (found.sender, found.level, found.rule, found.why) == (
        ANNA,
        VERIFIED,
        "E29",
        "signed by example.org",
    )


@pytest.mark.rule("E29")
def test_the_stamp_alone_makes_the_sender_asserted_and_nothing_makes_them_unverified() -> None:
    assert who(on_top(letter(), PASSED, BORDER)).level == ASSERTED
    assert who(letter()).level == UNVERIFIED
    assert who(letter()).sender == ANNA


@pytest.mark.rule("E29")
def test_without_a_name_server_signatures_are_not_looked_at() -> None:
    mail = on_top(OWN.sign(letter()), PASSED, BORDER)
    assert identify(mail, arrived_at=NOW, authority=authority(PROVIDER)).level == ASSERTED
    assert identify(OWN.sign(letter()), arrived_at=NOW).level == UNVERIFIED


@pytest.mark.rule("E29")
def test_a_name_server_that_is_away_means_later_not_no() -> None:
    mail = OWN.sign(letter())
    with pytest.raises(NoAnswerError):
        who(mail, lookup=away)
    assert who(mail, lookup=away, is_last_try=True).level == UNVERIFIED
    assert who(on_top(mail, PASSED, BORDER), lookup=away, is_last_try=True).level == ASSERTED
    assert who(letter(), lookup=away).level == UNVERIFIED  # nobody need be asked


@pytest.mark.rule("E29")
def test_a_signature_of_a_mailer_for_many_is_none_of_the_authors() -> None:
    assert who(signer("evil.example").sign(letter())).level == UNVERIFIED
    assert who(signer("evil.example").sign(OWN.sign(letter()))).level == VERIFIED


@pytest.mark.rule("E29")
@pytest.mark.parametrize(
    ("field", "level"),
    [
        ("Subject", UNVERIFIED),
        ("To", ASSERTED),
        ("Cc", ASSERTED),
        ("Reply-To", ASSERTED),
        ("Content-Type", VERIFIED),
    ],
)
def test_what_the_signature_leaves_out_lowers_the_level(field: str, level: str) -> None:
    there = letter(fields(Cc="bo@example.org", Reply_To="a@example.org", Content_Type="text/plain"))
    signed = tuple(
        name
        for name in ("from", "to", "cc", "subject", "date", "reply-to", "content-type")
        if name != field.lower()
    )
    assert who(OWN.sign(there, fields=signed)).level == level


@pytest.mark.rule("E29")
@pytest.mark.parametrize("name", ["Subject", "To", "Date", "Sender", "Reply-To", "Message-ID"])
def test_a_mail_that_says_one_thing_twice_proves_nothing(name: str) -> None:
    twice = on_top(letter(fields(Reply_To=ANNA, Sender=ANNA)), f"{name}: bo@example.org")
    assert who(OWN.sign(twice)).level == UNVERIFIED
    assert who(on_top(twice, PASSED, BORDER)).level == UNVERIFIED


@pytest.mark.rule("E29")
def test_of_a_beginning_the_sender_is_asserted_at_most() -> None:
    mail = OWN.sign(letter(text="long\r\n" * 1000))[:1500]
    assert identify(mail, arrived_at=NOW, records=records(), is_whole=False).level == ASSERTED


@pytest.mark.rule("E27")
@pytest.mark.parametrize(
    "results",
    [
        "dmarc=pass header.from=example.org",
        "dmarc=pass (p=none) header.from=EXAMPLE.org; spf=fail smtp.mailfrom=evil.example",
        "dmarc=none header.from=example.org; dkim=pass header.d=example.org",
        "dkim=pass header.d=mail.example.org",
        "dkim=pass header.i=@example.org header.s=s1",
        "dkim=fail header.d=example.org; dkim=pass header.d=example.org header.s=s2",
        "spf=pass smtp.mailfrom=anna@example.org",
        "spf=pass smtp.mailfrom=bounce.example.org",
        "dmarc=temperror header.from=example.org; spf=pass smtp.mailfrom=example.org",
    ],
)
def test_what_speaks_for_the_author_is_enough(results: str) -> None:
    found = who(stamped(results))
    assert (found.level, found.rule) == (ASSERTED, "E27")
    assert PROVIDER in found.why


@pytest.mark.rule("E27")
@pytest.mark.parametrize(
    "results",
    [
        "dmarc=fail header.from=example.org; dkim=pass header.d=example.org",
        "dmarc=fail header.from=example.org; dmarc=pass header.from=example.org",
        "dmarc=pass header.from=evil.example",
        "dmarc=pass header.from=mail.example.org",
        "dmarc=pass",
        "dmarc=pass header.from=example.org header.from=evil.example",
        "dmarc=pass header.from=evil.example; dkim=pass header.d=example.org",
        "dmarc=bestguesspass header.from=example.org",
        "dkim=pass header.d=evil.example",
        "dkim=pass header.d=example.org.evil.example",
        "dkim=pass header.d=org",
        "dkim=pass header.d=evil.example header.i=@example.org",
        "dkim=pass",
        "dkim=neutral header.d=example.org",
        "spf=pass smtp.helo=example.org",
        "spf=pass smtp.mailfrom=evil.example smtp.helo=example.org",
        "spf=pass smtp.mailfrom=anna@example.org@evil.example",
        "spf=pass smtp.mailfrom=",
        "spf=softfail smtp.mailfrom=example.org",
        "auth=pass smtp.auth=anna@example.org",
        "iprev=pass policy.iprev=93.184.215.14",
        "sender-id=pass header.from=example.org",
        "arc=pass header.oldest-pass=0",
        "none",
    ],
)
def test_what_does_not_speak_for_the_author_is_not(results: str) -> None:
    assert who(stamped(results)).level == UNVERIFIED


@pytest.mark.rule("E27")
def test_who_wants_it_strict_is_heard() -> None:
    strict = Table({"_dmarc.example.org": "v=DMARC1; p=none; adkim=s; aspf=s"})
    for results in ("dkim=pass header.d=mail.example.org", "spf=pass smtp.mailfrom=mail.example.org"):
        assert who(stamped(results)).level == ASSERTED
        assert who(stamped(results), lookup=strict).level == UNVERIFIED
        assert who(stamped(results), lookup=away).level == UNVERIFIED


@pytest.mark.rule("E27")
def test_an_authors_domain_is_compared_as_the_name_system_has_it() -> None:
    sharp = letter(fields(From="anna@fa\u00df.example"))
    assert who(stamped("dmarc=pass header.from=fass.example", sharp)).level == UNVERIFIED
    assert who(stamped("dmarc=pass header.from=xn--fa-hia.example", sharp)).level == ASSERTED


@pytest.mark.rule("E25")
def test_who_is_not_one_author_has_no_level() -> None:
    two = letter(fields(From=f"{ANNA}, bo@example.org"))
    found = who(on_top(OWN.sign(two), PASSED, BORDER))
    assert (found.sender, found.level, found.rule) == ("", UNVERIFIED, "E25")


@pytest.mark.rule("E33")
def test_a_signed_date_is_believed_and_an_old_mail_sent_once_more_stays_old() -> None:
    old = OWN.sign(letter(fields(Date=formatdate(NOW - 30 * DAY))))
    assert who(old).level == VERIFIED
    assert who(old).written_at == NOW - 30 * DAY


@pytest.mark.rule("E33")
def test_the_moment_of_signing_bounds_the_date() -> None:
    late = OWN.sign(letter())
    assert identify(late, arrived_at=NOW + 30 * DAY, records=records()).written_at == NOW
    ahead = OWN.sign(letter(fields(Date=formatdate(NOW + 10 * DAY))))
    assert who(ahead).written_at <= NOW


@pytest.mark.rule("E33")
def test_an_unsigned_date_counts_as_nothing_beside_the_moment_of_signing() -> None:
    replayed = OWN.sign(letter(fields(Date=None)), fields=("from", "to", "subject"))
    again = on_top(replayed, f"Date: {formatdate(NOW + 30 * DAY)}")
    found = identify(again, arrived_at=NOW + 30 * DAY, records=records())
    assert found.level == VERIFIED
    assert found.written_at == NOW


@pytest.mark.rule("E33")
def test_an_asserted_mails_absurd_date_counts_as_its_arrival() -> None:
    for date in (None, formatdate(NOW - 3 * DAY), formatdate(NOW + DAY)):
        assert who(on_top(letter(fields(Date=date)), PASSED, BORDER)).written_at == NOW
    assert who(letter()).written_at == 0.0


@pytest.mark.parametrize(
    ("record", "read"),
    [
        ("v=DKIM1; k=rsa; p=abc=", {"v": "DKIM1", "k": "rsa", "p": "abc="}),
        (" V = DKIM1 ;P=;", {"v": "DKIM1", "p": ""}),
        ("p=a; p=b", {}),
        ("nonsense", {}),
        ("", {}),
    ],
)
def test_a_records_tags_are_read(record: str, read: dict[str, str]) -> None:
    assert tags(record) == read
