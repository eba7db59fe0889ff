"""The one author that a mail names: exactly one, and read in one way only."""

from __future__ import annotations

import pytest

from agent.conversation.people import comparable as as_stored
from agent.letters import author, headers


def read(value: str) -> author.Author:
    return author.read(headers.parse(f"From: {value}\r\nTo: x\r\n\r\nhi".encode("utf-8", "surrogateescape")))


@pytest.mark.rule("E25")
@pytest.mark.parametrize(
    "value",
    [
        "anna@example.org",
        "<anna@example.org>",
        "Anna <anna@example.org>",
        "Anna\r\n <anna@example.org>",
        '"Bo, of Example: the first" <anna@example.org>',
        '"bo@example.org" <anna@example.org>',
        "=?utf-8?q?bo=40example.org?= <anna@example.org>",
        "anna@example.org <Anna@Example.ORG>",
        "Anna <anna@example.org> (writes for <bo@example.org>, they say)",
        "(bo@example.org) anna@example.org",
    ],
)
def test_only_the_address_itself_names_anybody(value: str) -> None:
    assert read(value) == author.Author(address="anna@example.org")


@pytest.mark.rule("E25")
@pytest.mark.parametrize(
    "value",
    [
        "",
        "Anna",
        "anna@example.org, bo@example.org",
        "anna@example.org, Bo",
        "Family: anna@example.org;",
        "undisclosed-recipients:;",
        "<@relay.example:anna@example.org>",
        "anna@example.org <bo@example.org>",
        "<anna@example.org> <bo@example.org>",
        "Anna <anna@example.org",
        'Anna "the first <anna@example.org>',
        "Anna (the first <anna@example.org>",
        "anna@[192.0.2.1]",
        "anna@bo@example.org",
        "anna@example.org.",
        "an na@example.org",
        "an\u200bna@example.org",
        "anna@exam\u200bple.org",
        "an\u202ena@example.org",
        '"anna"@example.org',
        "a" * 65 + "@example.org",
        "anna@" + "x" * 260 + ".org",
        "(" * 1000 + ")" * 1000 + "anna@example.org",
        "x" * 3000 + " <anna@example.org>",
    ],
)
def test_what_can_be_read_in_two_ways_names_nobody(value: str) -> None:
    found = read(value)
    assert found.address == ""
    assert found.problem


@pytest.mark.rule("E25")
@pytest.mark.parametrize(
    "head", ["", "From: a@example.org\r\nFrom: a@example.org\r\n", "from: a@b.org\r\nFrom : c@d.org\r\n"]
)
def test_there_is_exactly_one_field_from(head: str) -> None:
    assert "From" in author.read(headers.parse(f"{head}To: x\r\n\r\nhi".encode())).problem


@pytest.mark.rule("E25")
def test_reply_to_and_sender_identify_nobody() -> None:
    mail = (
        b"From: bo@example.net\r\nReply-To: anna@example.org\r\nSender: anna@example.org\r\nTo: x\r\n\r\nhi"
    )
    assert author.read(headers.parse(mail)).address == "bo@example.net"


@pytest.mark.rule("E26")
@pytest.mark.parametrize(
    ("address", "compared"),
    [
        ("Anna@Example.ORG", "anna@example.org"),
        ("anna.b+bins@example.org", "anna.b+bins@example.org"),
        ("anna@bücher.example", "anna@xn--bcher-kva.example"),
        ("anna@BÜCHER.example", "anna@xn--bcher-kva.example"),
        ("anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example"),
        ("jörg@example.org", "jörg@example.org"),
    ],
)
def test_addresses_are_compared_without_case_and_by_a_label_and_nothing_is_stripped(
    address: str, compared: str
) -> None:
    assert author.plain_address(address) == compared
    assert as_stored("mail", author.plain_address(address)) == as_stored("mail", compared)


@pytest.mark.rule("E26")
@pytest.mark.parametrize(
    "looks_like",
    [
        "anna@ex\u0430mple.org",  # a Cyrillic a
        "\u0430nna@example.org",
        "anna@fa\u00df.example",  # is not fass.example
        "\u212aarl@example.org",  # a Kelvin sign
        "a\u0308nna@example.org",  # an a with its dots apart
        "=?utf-8?q?anna?=@example.org",
    ],
)
def test_what_looks_like_an_address_is_not_that_address(looks_like: str) -> None:
    theirs = {
        as_stored("mail", one)
        for one in ("anna@example.org", "anna@fass.example", "karl@example.org", "änna@example.org")
    }
    found = author.plain_address(looks_like)
    assert not found or as_stored("mail", found) not in theirs
