"""What servers report about the house's answers is understood in all the shapes in which they say it."""

from __future__ import annotations

import pytest

from agent.letters import headers, reports

OWN = "0123456789abcdef0123456789abcdef01234567"
ORIGINAL = f"Message-ID: <{OWN}@nisse.example>\r\nFrom: nisse@nisse.example\r\nTo: anna@example.org\r\nSubject: Re: Bins\r\n"
HEAD = "From: MAILER-DAEMON@mx.example.org (Mail Delivery System)\r\nTo: nisse@nisse.example\r\nSubject: Undelivered\r\n"


def block(address: str = "anna@example.org", action: str = "failed", status: str = "5.1.1") -> str:
    return (
        f"Final-Recipient: rfc822; {address}\r\nOriginal-Recipient: rfc822;{address}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} <{address}>: Recipient address rejected:\r\n    User unknown\r\n"
    )


def report(*blocks: str, original: str = ORIGINAL, kind: str = "text/rfc822-headers") -> str:
    status = "Reporting-MTA: dns; mx.example.org\r\n\r\n" + "\r\n".join(blocks)
    return (
        f"{HEAD}Content-Type: multipart/report; report-type=delivery-status; boundary=B\r\n\r\n"
        "--B\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you ...\r\n"
        f"--B\r\nContent-Type: message/delivery-status\r\n\r\n{status}\r\n"
        f"--B\r\nContent-Type: {kind}\r\n\r\n{original}\r\n--B--\r\n"
    )


def read(mail: str, *own: str) -> reports.Report | None:
    return reports.read(headers.parse(mail.encode()), own=own)


@pytest.mark.rule("E57")
@pytest.mark.parametrize(
    "kind",
    [
        "text/rfc822-headers",
        "message/rfc822",
        "message/rfc822-headers",
        "text/rfc822-headers; charset=us-ascii",
    ],
)
def test_a_report_names_the_answer_the_status_and_the_reason(kind: str) -> None:
    original = ORIGINAL + ("\r\nThe bin is emptied on Monday.\r\n" if kind == "message/rfc822" else "")
    found = read(report(block(), original=original, kind=kind))
    assert found
    assert (found.outgoing_id, found.action, found.status) == (OWN, "failed", "5.1.1")
    assert "User unknown" in found.said


@pytest.mark.rule("E57")
def test_of_several_recipients_the_worst_counts_and_the_own_copy_does_not() -> None:
    own = block("nisse@nisse.example", status="5.2.2")
    both = read(report(own, block(action="delayed", status="4.4.1")), "Nisse@nisse.example")
    assert both
    assert (both.action, both.status) == ("delayed", "4.4.1")
    assert read(report(own), "nisse@nisse.example") is None


@pytest.mark.rule("E57")
def test_a_report_about_somebody_elses_mail_is_none_of_ours() -> None:
    assert read(report(block(), original="Message-ID: <1234@elsewhere.example>\r\n")) is None
    assert read(report(block(), original="Subject: no id\r\n")) is None


@pytest.mark.rule("E57")
def test_an_older_report_says_it_in_words() -> None:
    qmail = (
        f"{HEAD}\r\nHi. This is the qmail-send program at mx.example.org.\r\n<anna@example.org>:\r\n"
        f"Sorry, no mailbox here by that name. (#5.1.1)\r\n\r\n--- Below this line is a copy of the message.\r\n\r\n{ORIGINAL}\r\nMonday.\r\n"
    )
    found = read(qmail)
    assert found
    assert (found.outgoing_id, found.action, found.status) == (OWN, "failed", "5.1.1")
    assert "no mailbox" in found.said


@pytest.mark.rule("E57")
def test_an_automatic_answer_that_quotes_ours_is_no_report() -> None:
    assert read(f"{HEAD}\r\nI am away.\r\n\r\n> {ORIGINAL}\r\n") is None


@pytest.mark.rule("E57")
@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (report(block()).partition("\r\n\r\n")[0], True),
        ("Return-Path: <>\r\nFrom: x@example.org", True),
        ("From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>", True),
        ("From: postmaster@example.org", True),
        ("Return-Path: <bo@example.org>\r\nFrom: bo@example.org", False),
    ],
)
def test_only_what_looks_like_a_report_is_fetched(head: str, expected: bool) -> None:
    assert reports.may_be_one(headers.parse(f"{head}\r\n\r\n".encode())) is expected


@pytest.mark.rule("E57")
@pytest.mark.parametrize("size", [200, 900, 3_000])
def test_a_report_that_was_cut_never_raises(size: int) -> None:
    whole = report(block(), original=ORIGINAL + "\r\n" + "x" * 5_000, kind="message/rfc822")
    reports.read(headers.parse(whole[:size].encode()))
