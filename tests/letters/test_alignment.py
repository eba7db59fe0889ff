"""Which domains speak for an author's."""

from __future__ import annotations

import pytest

from agent.letters.alignment import Alignment, organisation
from agent.letters.records import Table

pytestmark = pytest.mark.rule("E27")


@pytest.mark.parametrize(
    ("author", "signer", "aligned"),
    [
        ("example.org", "example.org", True),
        ("mail.example.org", "example.org", True),
        ("example.org", "bounce.mail.example.org", True),
        ("a.example.co.uk", "b.example.co.uk", True),
        ("example.org", "example.net", False),
        ("example.org", "notexample.org", False),
        ("example.org", "example.org.evil.example", False),
        ("a.co.uk", "b.co.uk", False),
        ("a.co.uk", "co.uk", False),
        ("co.uk", "co.uk", False),
        ("anna.github.io", "bo.github.io", False),
        ("example.org", "org", False),
        ("example.org", "", False),
        ("xn--bcher-kva.example", "mail.xn--bcher-kva.example", True),
    ],
)
def test_a_domain_speaks_for_those_of_the_same_owner(author: str, signer: str, aligned: bool) -> None:
    assert Alignment(author, None).signer(signer) is aligned
    assert Alignment(author, None).envelope(signer) is aligned


def test_who_wants_it_strict_gets_it_strict_for_each_way_alone() -> None:
    strict = Table({"_dmarc.example.org": "v=DMARC1; p=reject; adkim=s"})
    assert not Alignment("example.org", strict).signer("mail.example.org")
    assert not Alignment("mail.example.org", strict).signer("example.org")
    assert Alignment("example.org", strict).signer("example.org")
    assert Alignment("example.org", strict).envelope("mail.example.org")


def test_a_subdomains_own_wish_goes_before_its_owners() -> None:
    table = Table({"_dmarc.a.example.org": "v=DMARC1; aspf=s", "_dmarc.example.org": "v=DMARC1; aspf=r"})
    assert not Alignment("a.example.org", table).envelope("example.org")
    assert Alignment("b.example.org", table).envelope("example.org")


def test_two_policies_are_none() -> None:
    table = Table({"_dmarc.example.org": ["v=DMARC1; adkim=s", "v=DMARC1; adkim=s"]})
    assert Alignment("example.org", table).signer("mail.example.org")


def test_the_organisation_is_what_its_owner_registered() -> None:
    assert organisation("a.b.example.co.uk") == "example.co.uk"
    assert organisation("co.uk") == ""
