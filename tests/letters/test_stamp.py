"""The provider's stamp: which of those in a mail is the one, and what it says."""

from __future__ import annotations

import pytest

from agent.letters import headers, stamp
from agent.letters.stamp import Authority, authority
from tests.letters.mailbag import BORDER, EVIL_BORDER, PASSED, PROVIDER, letter, on_top

pytestmark = pytest.mark.rule("E27")

GMAIL = (
    "Delivered-To: nisse@gmail.example",
    "Received: by 2002:a05:7110:1234:b0:1f2:3456 with SMTP id x; Sat, 21 Nov 2026 04:00:00 -0800 (PST)",
    "ARC-Authentication-Results: i=1; mx.google.com; dmarc=fail header.from=example.org",
    "Return-Path: <anna@example.org>",
    "Received: from out.example.org (out.example.org. [93.184.215.14])\r\n        by mx.google.com with ESMTPS id x;",
    "Received-SPF: pass (google.com: domain of anna@example.org designates 93.184.215.14 as permitted sender)",
    (
        "Authentication-Results: mx.google.com;\r\n       dkim=pass header.i=@example.org header.s=s1 header.b=AbCd;\r\n"
        "       spf=pass (google.com: domain of anna@example.org designates 93.184.215.14 as permitted sender)"
        " smtp.mailfrom=anna@example.org;\r\n       dmarc=pass (p=NONE sp=QUARANTINE dis=NONE) header.from=example.org"
    ),
)
EXCHANGE = (
    "Received: from AM0PR05MB1.eurprd05.prod.outlook.com (2603:10a6:208::1) by VI1PR05MB2.eurprd05.prod.outlook.com with HTTPS; x",
    (
        "Authentication-Results: spf=pass (sender IP is 93.184.215.14)\r\n smtp.mailfrom=example.org; dkim=pass (signature was verified)\r\n"
        " header.d=example.org;dmarc=pass action=none\r\n header.from=example.org;compauth=pass reason=100"
    ),
    "Received-SPF: Pass (protection.outlook.com: domain of example.org designates 93.184.215.14 as permitted sender)",
    "Received: from out.example.org (93.184.215.14) by DB5EUR01.mail.protection.outlook.com (10.152.4.1) with Microsoft SMTP Server; x",
)


def said(*above: str, trusted: Authority | None = None, mail: bytes | None = None) -> dict[str, str]:
    """What the trusted stamp says, by method."""
    whole = on_top(letter() if mail is None else mail, *above)
    return {
        one.method: one.result for one in stamp.find(headers.parse(whole), trusted or authority(PROVIDER))
    }


def test_the_stamp_above_the_borders_received_is_read() -> None:
    assert said(PASSED, BORDER) == {"dmarc": "pass"}
    assert said(PASSED) == {"dmarc": "pass"}


def test_the_providers_own_servers_may_stand_above_it() -> None:
    inside = f"Received: from {PROVIDER} ({PROVIDER} [192.0.2.1]) by store.provider.example with LMTP; now"
    within = "Received: by store.provider.example with SMTP id 3; now"
    assert said(within, inside, PASSED, BORDER) == {"dmarc": "pass"}
    delivered = f"Received: from {PROVIDER}\r\n\tby box7\r\n\twith LMTP\r\n\tid x; now"
    assert said(delivered, PASSED, BORDER) == {"dmarc": "pass"}
    at_home = f"Received: from {PROVIDER} ([10.1.2.3]) by store.provider.example with ESMTP; now"
    assert said(at_home, PASSED, BORDER) == {"dmarc": "pass"}
    filtered = f"Received: from localhost (localhost [127.0.0.1]) by {PROVIDER} (Postfix) with ESMTP; now"
    filtering = f"Received: from {PROVIDER} ([127.0.0.1]) by localhost ({PROVIDER} [127.0.0.1]) (amavis) with ESMTP; now"
    assert said(delivered, filtered, filtering, PASSED, BORDER) == {"dmarc": "pass"}


@pytest.mark.parametrize(
    "received",
    [
        BORDER,
        EVIL_BORDER,
        f"Received: from {PROVIDER} (evil.example [93.184.215.99]) by {PROVIDER} with ESMTP; now",
        f"Received: from {PROVIDER} (unknown [93.184.215.99]) by {PROVIDER} with ESMTP; now",
        f"Received: from {PROVIDER} by relay.evil.example with ESMTP; now",
        f"Received: from {PROVIDER} ([203.0.113.5]) by {PROVIDER} with ESMTP; now",
        f"Received: from {PROVIDER} (evil.example [203.0.113.5]) by {PROVIDER} with ESMTP; now",
        f"Received: from {PROVIDER} (evil.example [10.0.0.5]) by {PROVIDER} with ESMTP; now",
        f"Received: from {PROVIDER} (evil.example [IPv6:2001:db8::5]) by {PROVIDER} with ESMTP; now",
        "Received: from localhost (evil.example [203.0.113.5]) by mx.provider.example with ESMTP; now",
        f"Received: by {PROVIDER} (Postfix, from userid 1000) id 3; now",
        "Received: from nowhere",
    ],
)
def test_below_the_border_anybody_can_have_written_it(received: str) -> None:
    assert said(received, PASSED) == {}


def test_the_topmost_one_counts_whatever_it_says() -> None:
    failed = PASSED.replace("dmarc=pass", "dmarc=fail")
    assert said(failed, PASSED, BORDER) == {"dmarc": "fail"}
    assert said(f"Authentication-Results: {PROVIDER}; none", PASSED, BORDER) == {}
    assert said(f"Authentication-Results: {PROVIDER}; spf=pass (an end is missing", PASSED, BORDER) == {}
    assert (
        said(f"Authentication-Results: {PROVIDER} 2; dmarc=pass header.from=example.org", PASSED, BORDER)
        == {}
    )


@pytest.mark.parametrize(
    "name",
    [
        "mx.evil.example",
        f"{PROVIDER}.evil.example",
        f"evil.{PROVIDER}",
        f"mx2.{PROVIDER.partition('.')[2]}",
        f'"{PROVIDER}"',
        f"({PROVIDER}) evil.example",
        f"evil.example ({PROVIDER})",
        f"{PROVIDER}@evil.example",
        "",
    ],
)
def test_another_name_is_another_server(name: str) -> None:
    assert said(f"Authentication-Results: {name}; dmarc=pass header.from=example.org", BORDER) == {}


@pytest.mark.parametrize(
    "name",
    [PROVIDER.upper(), f"{PROVIDER} 1", f" (a comment) {PROVIDER} (and another)", f"{PROVIDER}\r\n 1 "],
)
def test_the_name_is_compared_without_case_comments_and_its_version(name: str) -> None:
    assert said(f"Authentication-Results: {name}; dmarc=pass header.from=example.org", BORDER) == {
        "dmarc": "pass"
    }


@pytest.mark.parametrize(
    "clauses",
    [
        "spf=fail (they say; dmarc=pass header.from=example.org) smtp.mailfrom=evil.example",
        "spf=fail (a (nested; dmarc=pass header.from=example.org) one) smtp.mailfrom=evil.example",
        "spf=fail (an \\) escaped; dmarc=pass header.from=example.org) smtp.mailfrom=evil.example",
        'spf=fail reason="x; dmarc=pass header.from=example.org" smtp.mailfrom=evil.example',
        'spf=fail reason="x\\"; dmarc=pass header.from=example.org" smtp.mailfrom=evil.example',
        'spf=fail smtp.mailfrom="x; dmarc=pass header.from=example.org"@evil.example',
    ],
)
def test_comments_and_quoted_strings_say_nothing(clauses: str) -> None:
    assert said(f"Authentication-Results: {PROVIDER}; {clauses}", BORDER) == {"spf": "fail"}


def test_one_clause_in_a_dialect_does_not_hide_the_others() -> None:
    found = said(
        f"Authentication-Results: {PROVIDER}; x-odd=\u00fc%%; =; dmarc/1=pass header.from=example.org; ;",
        BORDER,
    )
    assert found["dmarc"] == "pass"
    assert said(f"Authentication-Results: {PROVIDER}; dmarc/2=pass header.from=example.org", BORDER) == {
        "dmarc": "unreadable"
    }


def test_googles_stands_below_its_border() -> None:
    assert said(*GMAIL, trusted=authority("mx.google.com")) == {
        "dkim": "pass",
        "spf": "pass",
        "dmarc": "pass",
    }
    assert said(GMAIL[4], letter().decode(), GMAIL[6], trusted=authority("mx.google.com")) == {}


def test_a_stamp_below_the_border_stands_before_all_that_the_author_wrote() -> None:
    below = authority(f"{PROVIDER} below")
    assert said(BORDER, PASSED, trusted=below) == {"dmarc": "pass"}
    assert said(BORDER, "X-Spam: no", PASSED, trusted=below) == {"dmarc": "pass"}
    assert said(BORDER, "Subject: x", PASSED, trusted=below) == {}
    assert said(BORDER, "Received: from a by b", PASSED, trusted=below) == {}
    assert said("Received: from a by relay.evil.example", PASSED, trusted=below) == {}


def test_exchange_onlines_has_no_name() -> None:
    trusted = authority("exchange-online")
    assert said(*EXCHANGE, trusted=trusted) == {
        "spf": "pass",
        "dkim": "pass",
        "dmarc": "pass",
        "compauth": "pass",
    }
    assert said(EXCHANGE[0], EXCHANGE[3], EXCHANGE[1], trusted=trusted) == {}
    assert said(EXCHANGE[0], PASSED, EXCHANGE[1], trusted=trusted) == {}
    assert said(EXCHANGE[0], EXCHANGE[1], trusted=authority(PROVIDER)) == {}


def test_a_pattern_stands_for_any_server_of_a_domain() -> None:
    assert said(PASSED, BORDER, trusted=authority("*.provider.example")) == {"dmarc": "pass"}
    assert said(PASSED, BORDER, trusted=authority("*.vider.example")) == {}


@pytest.mark.parametrize("text", ["", "none", " None "])
def test_whoever_trusts_nobody_reads_no_stamp(text: str) -> None:
    assert authority(text) == stamp.NOBODY
    assert said(PASSED, EXCHANGE[1], trusted=authority(text)) == {}


def learned(*above: str) -> Authority:
    return stamp.learned(headers.parse(on_top(letter(), *above)))


SUBMITTED = "Received: from [127.0.0.1] (home.example [192.0.2.7]) by smtp.provider.example with ESMTPSA; now"


@pytest.mark.rule("E28")
def test_name_and_place_of_a_stamp_are_learned_from_ones_own_mail() -> None:
    passed = f"Authentication-Results: {PROVIDER}; spf=pass smtp.mailfrom=box.example"
    inside = f"Received: from smtp.provider.example by {PROVIDER} with ESMTPS; now"
    stored = "Received: from mx.provider.example by store.other.example with LMTP; now"
    assert learned(stored, passed, inside, SUBMITTED) == Authority(
        name=PROVIDER, hosts=("other.example", "provider.example")
    )
    assert learned(inside, passed, SUBMITTED).stands_below
    assert learned(SUBMITTED, passed).stands_below
    assert not learned(passed, SUBMITTED).stands_below


@pytest.mark.rule("E28")
def test_of_several_stamps_the_one_that_says_most_is_learned() -> None:
    names = [
        f"Authentication-Results: {word}.provider.example; {word}=pass"
        for word in ("bimi", "spf", "dmarc", "dkim")
    ]
    assert learned(*names, SUBMITTED).name == "dmarc.provider.example"


@pytest.mark.rule("E28")
def test_where_there_is_no_stamp_nobody_is_learned() -> None:
    assert learned(SUBMITTED) == stamp.NOBODY
    assert learned() == stamp.NOBODY
    assert learned("Authentication-Results: (broken", SUBMITTED) == stamp.NOBODY


@pytest.mark.rule("E28")
def test_exchange_online_is_learned_by_its_missing_name() -> None:
    assert learned(*EXCHANGE) == authority("exchange-online")


@pytest.mark.rule("E28")
def test_what_was_learned_is_found_again_in_the_mails_of_others() -> None:
    mine = learned(f"Received: from smtp.provider.example by {PROVIDER} with ESMTPS; x", PASSED, SUBMITTED)
    assert said(BORDER, PASSED, trusted=mine) == {"dmarc": "pass"}
