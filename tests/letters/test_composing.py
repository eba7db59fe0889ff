"""An answer as a mail: threaded, marked as a machine's, and the same at every try."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

import pytest

from agent.errors import RequestError
from agent.letters import body, headers
from agent.letters.composing import compose, flowed, is_own
from agent.letters.reading import read
from agent.letters.threads import answer_subject
from agent.message import Reply

OWN = "nisse@example.org"


def reply(**more: Any) -> Reply:
    values: dict[str, Any] = {
        "id": "r1",
        "message_id": "r1",
        "channel": "mail",
        "recipient": "anna@example.org",
        "text": "Monday.",
        "outgoing_id": "0123abcd",
        "subject": "Bins",
        "created_at": 1_763_712_000.5,
        "envelope": {"message_id": "<m1@x>", "references": "<m0@x>"},
    }
    return Reply(**{**values, **more})


def composed(given: Reply) -> EmailMessage:
    parsed = email.message_from_bytes(compose(given, sender=OWN, name="nisse"), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


@pytest.mark.rule("E50")
def test_every_header_of_an_answer_is_there() -> None:
    mail = composed(reply())
    assert mail["Message-ID"] == "<0123abcd@example.org>"
    assert mail["In-Reply-To"] == "<m1@x>"
    assert mail["References"] == "<m0@x> <m1@x>"
    assert mail["Subject"] == "Re: Bins"
    assert mail["From"] == "nisse <nisse@example.org>"
    assert mail["To"] == "anna@example.org"
    assert mail["Cc"] is None
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["X-Nisse-Instance"]
    assert mail["Date"].datetime.timestamp() == 1_763_712_000
    assert mail.get_content_type() == "multipart/alternative"
    plain, page = mail.iter_parts()
    assert (plain.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    assert plain.get_param("format") == "flowed"
    assert plain.get_content_charset() == page.get_content_charset() == "utf-8"
    assert plain["Content-Transfer-Encoding"] == "quoted-printable"


def test_the_same_reply_gives_the_same_bytes() -> None:
    assert compose(reply(), sender=OWN, name="n") == compose(reply(), sender=OWN, name="n")


@pytest.mark.rule("E50")
@pytest.mark.parametrize(
    ("subject", "answered"),
    [
        ("Bins", "Re: Bins"),
        ("Re: Bins", "Re: Bins"),
        ("RE: AW: SV: Re[2]: Bins", "Re: Bins"),
        ("Antw: Bins", "Re: Bins"),
        ("Fwd: Bins", "Re: Fwd: Bins"),
        ("", "Re: your message"),
        ("Re:", "Re: your message"),
        ("Research: bins", "Re: Research: bins"),
        ("one\r\nBcc: all@example.org", "Re: one Bcc: all@example.org"),
    ],
)
def test_re_stands_once(subject: str, answered: str) -> None:
    assert answer_subject(subject) == answered


@pytest.mark.rule("E51")
@pytest.mark.parametrize("length", [60, 80, 200, 800])
def test_a_long_id_is_neither_encoded_nor_cut(length: int) -> None:
    parent = f"<{'x' * (length - 12)}@example.org>"
    raw = compose(reply(envelope={"message_id": parent, "references": ""}), sender=OWN, name="n")
    assert f"In-Reply-To: {parent}\r\n".encode() in raw
    assert f"References: {parent}\r\n".encode() in raw
    assert b"=?" not in raw.partition(b"\r\n\r\n")[0]


@pytest.mark.rule("E50")
def test_references_keep_the_first_and_the_last_ids_on_one_line() -> None:
    ids = [f"<{number:04}{'x' * 60}@example.org>" for number in range(100)]
    raw = compose(
        reply(envelope={"message_id": "<parent@x>", "references": " ".join(ids)}), sender=OWN, name="n"
    )
    line = next(line for line in raw.split(b"\r\n") if line.startswith(b"References:"))
    assert len(line) <= 998
    kept = line.decode().split()[1:]
    assert (kept[0], kept[-1], kept[-2]) == (ids[0], "<parent@x>", ids[-1])


def test_a_mail_without_an_id_gets_an_answer_without_a_thread() -> None:
    mail = composed(reply(envelope={"message_id": "", "references": ""}))
    assert mail["In-Reply-To"] is None
    assert mail["References"] is None


@pytest.mark.rule("E53")
def test_no_line_is_longer_than_mail_allows() -> None:
    raw = compose(
        reply(text="word " * 500 + "x" * 3000, subject="Grüße an alle " * 20), sender=OWN, name="Größe"
    )
    assert max(len(line) for line in raw.split(b"\r\n")) <= 78
    assert (
        composed(reply(subject="Grüße an alle " * 20))["Subject"] == "Re: " + ("Grüße an alle " * 20).strip()
    )


@pytest.mark.rule("E53")
@pytest.mark.parametrize(
    "text",
    [
        "One line.",
        "word " * 100 + "end",
        "> a quote of one's own\nFrom here\n indented\n\n- item",
        "x" * 200,
        "Grüße, 你好, 🙂",
        "a\n\n\nb",
    ],
)
def test_flowed_text_reads_as_it_was_written(text: str) -> None:
    raw = compose(reply(text=text), sender=OWN, name="n")
    read_back = body.read(headers.parse(raw)).text.partition("\n\n-- \n")[0]
    assert read_back.strip("\n") == text
    assert all(len(line) <= 78 for line in flowed(text).split("\n") if " " in line)


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "anna",
        "anna@",
        "@example.org",
        "a@x.org, b@x.org",
        "a@x.org\r\nBcc: b@x.org",
        "änna@example.org",
        "a b@x.org",
    ],
)
def test_what_is_no_single_address_is_refused(recipient: str) -> None:
    with pytest.raises(RequestError):
        compose(reply(recipient=recipient), sender=OWN, name="n")


def test_a_domain_beyond_ascii_is_written_as_dns_has_it() -> None:
    assert composed(reply(recipient="anna@bücher.example"))["To"] == "anna@xn--bcher-kva.example"


def test_the_box_knows_its_own_mail_and_takes_it_for_a_machines() -> None:
    raw = compose(reply(), sender=OWN, name="n")
    assert is_own(headers.parse(raw), OWN)
    assert not is_own(headers.parse(raw), "other@example.org")
    assert read(raw, channel="mail").automatic
