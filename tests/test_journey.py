"""The whole house between real mail servers: a person teaches it a document by mail, asks by mail, and gets one threaded reply."""

from __future__ import annotations

import io
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from reportlab.pdfgen import canvas

from agent.message import SOURCES_HEADING
from tests.conftest import CHAT_MODEL
from tests.live.postoffice import PostOffice
from tests.live.running import House, until

pytestmark = [pytest.mark.servers, pytest.mark.models, pytest.mark.root, pytest.mark.timeout(600)]

BOX = "nisse@nisse.test"
ANNA = "anna@nisse.test"
STRANGER = "stranger@nisse.test"
PAGES = (
    "The summer house stands at Lake Vattern. The neighbour's name is Ingrid Falk.",
    "The key of the boat shed hangs behind the blue door. The code of the alarm is 4711.",
)


@pytest.fixture
def house(office: PostOffice, models: Path, short_path: Path) -> Iterator[House]:
    with House(short_path / "home", mail_settings(office)) as house:
        house.claim("Anna", ANNA)
        house.thinks()
        until(house.follows_mail, 60, "the mail channel")
        yield house


def mail_settings(office: PostOffice) -> dict[str, str]:
    return {
        "brain.model": CHAT_MODEL,
        "conversation.max_answer": "80",
        "mail.address": BOX,
        "mail.imap_host": "127.0.0.1",
        "mail.imap_port": str(office.imap_port),
        "mail.smtp_host": "127.0.0.1",
        "mail.smtp_port": str(office.smtp_port),
        "mail.user": BOX,
        "mail.password": office.account("nisse").password,
        "mail.ca_file": str(office.ca_file),
        "mail.poll": "15",
        "mail.nameserver": office.names.address,
        "mail.authserv_id": "none",
    }


def letter(text: str, *, subject: str, message_id: str, sender: str = ANNA) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = sender, BOX, subject, message_id
    mail.set_content(text)
    return mail


def replies_to(office: PostOffice, address: str, message_id: str) -> list[EmailMessage]:
    return [mail for mail in office.mailbox(address) if mail["In-Reply-To"] == message_id]


def body(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def manual() -> bytes:
    file = io.BytesIO()
    sheet = canvas.Canvas(file)
    for text in PAGES:
        sheet.drawString(72, 720, text)
        sheet.showPage()
    sheet.save()
    return file.getvalue()


def test_a_document_taught_by_mail_answers_a_question_by_mail(office: PostOffice, house: House) -> None:
    teaching = letter("Please keep this for us.", subject="keep", message_id="<teach@nisse.test>")
    teaching.add_attachment(manual(), maintype="application", subtype="pdf", filename="summer-house.pdf")
    office.send(teaching, ANNA, BOX)
    kept = until(lambda: replies_to(office, ANNA, "<teach@nisse.test>"), 60, "the word that it was kept")
    assert "summer-house.pdf: kept" in body(kept[0])

    question = letter("What is the code of the alarm?", subject="The alarm", message_id="<ask@nisse.test>")
    question["References"] = "<earlier@nisse.test>"
    office.send(question, ANNA, BOX)
    office.send(
        letter("What is the code of the alarm?", subject="Hi", message_id="<x@x>", sender=STRANGER),
        STRANGER,
        BOX,
    )
    answers = until(lambda: replies_to(office, ANNA, "<ask@nisse.test>"), 120, "the answer")

    reply = answers[0]
    assert reply["References"].split() == ["<earlier@nisse.test>", "<ask@nisse.test>"]
    assert reply["Subject"] == "Re: The alarm"
    assert reply["Auto-Submitted"] == "auto-replied"
    text = " ".join(body(reply).split())
    answer, _, sources = text.partition(SOURCES_HEADING)
    assert "4711" in answer
    assert "summer-house.pdf, page 2" in sources

    until(lambda: house.client("conversation").get("/info")["refused"] == 1, 60, "the stranger's refusal")
    assert len(replies_to(office, ANNA, "<ask@nisse.test>")) == 1
    assert office.mailbox(STRANGER) == []
