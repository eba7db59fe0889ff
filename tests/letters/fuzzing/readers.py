"""Everything that reads a stranger's mail, run on one mail.

Owns: the list of those readers, and what must hold of what they give.
Does not know: where the mail comes from.
"""

from __future__ import annotations

from agent.commands import _explaining
from agent.commands._setup import Setup
from agent.letters import (
    body,
    composing,
    deciding,
    headers,
    identity,
    page,
    quotes,
    reading,
    reports,
    stamp,
    threads,
)
from agent.letters.records import Table
from agent.message import Message, Person, Reply

OWN = "nisse@example.net"
RECORDS = Table(
    {"s._domainkey.example.org": "v=DKIM1; k=rsa; p=MIGf", "_dmarc.example.org": "v=DMARC1; p=none; adkim=s"}
)
AUTHORITY = stamp.authority("mx.example.net")
SETUP = Setup(
    box=(OWN,),
    persons=(Person(id="a", name="Anna", addresses=(("mail", "anna@example.org"),)),),
    authority=AUTHORITY,
    records=RECORDS,
    tag="0123456789",
)


def run(mail: bytes) -> None:
    """Reads the mail in every way; whatever is raised is a fault."""
    parsed = headers.parse(mail)
    message = reading.read(mail, channel="mail", own=(OWN,), received_at=1_795_248_000.0)
    _check(message)
    deciding.decide(parsed, own=(OWN,), text=message.text)
    identity.identify(
        mail,
        arrived_at=1_795_248_000.0,
        records=RECORDS,
        authority=AUTHORITY,
        sealers=("example.com",),
        is_last_try=True,
    )
    reports.read(parsed, own=(OWN,))
    quotes.apart(body.read(parsed).text, subject=message.subject)
    explanation = _explaining.explain(mail, SETUP).to_json()
    assert explanation["answer"] == (explanation["rule"] == _explaining.ANSWERED)
    _answer(message)


def _check(message: Message) -> None:
    assert message.sender
    assert message.native_id.startswith("sha256:")
    Message.from_json(message.to_json())
    for text in (message.text, message.subject, message.thread, *(file.name for file in message.attachments)):
        assert text.encode("utf-8") is not None
        assert "\0" not in text
    assert "\n" not in message.subject


def _answer(message: Message) -> None:
    """The answer to it is a mail with one recipient and no line that is too long, whatever it answers."""
    reply = Reply(
        id="r", message_id="r", channel="mail", recipient="anna@example.org", text=message.text[:5000], outgoing_id="0123abcd",
        subject=message.subject, envelope=message.envelope, created_at=1_795_248_000.0,
    )  # fmt: skip
    mail = composing.compose(reply, sender=OWN, name="nisse")
    assert max(len(line) for line in mail.split(b"\r\n")) <= threads.LONGEST_LINE
    answer = headers.parse(mail)
    assert headers.addresses(answer, "To") == ["anna@example.org"]
    assert len(headers.fields(answer, "References")) <= 1
    assert not headers.fields(answer, "Bcc")
    shown = page.of(reply.text, footer="nisse").lower()
    assert not any(
        tag in shown for tag in ("<script", "<img", "<iframe", "<style", 'javascript:"', 'onerror="')
    )
