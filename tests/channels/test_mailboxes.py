"""Several mailboxes of one house in one process."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import settings
from agent.channels.mail.account import accounts, entries
from agent.message import Message
from tests.channels.test_mail import ANNA, NISSE, mail
from tests.channels.test_mail_sessions import flags, told
from tests.live.house_at_work import House, wait_until
from tests.live.postoffice import PostOffice

GARDEN = "stranger@nisse.test"


def add_garden(house: House, office: PostOffice, password: str = "") -> None:
    """The house has a second mailbox from here on."""
    values: dict[str, str | int] = {
        "address": GARDEN,
        "password": password or office.account("stranger").password,
        "imap_host": office.host,
        "imap_port": office.imap_port,
        "smtp_host": office.host,
        "smtp_port": office.smtp_port,
        "ca_file": str(office.ca_file),
        "authserv_id": "none",
    }
    settings.save(house.home, {f"mail.more.garden.{name}": value for name, value in values.items()})
    with office.imap(GARDEN) as client:
        client.select_folder("INBOX")
        client.delete_messages(client.search("ALL"))
        client.expunge()


def to_garden(text: str) -> bytes:
    made = mail(1, text=text)
    made.replace_header("To", GARDEN)
    return made.as_bytes()


@pytest.mark.servers
def test_each_mail_is_answered_from_the_mailbox_that_was_written_to(house: House, office: PostOffice) -> None:
    add_garden(house, office)
    house.start("mail")
    wait_until(lambda: house.log().count("mail.begins") == 2, 90)
    office.send(mail(1, text="to the house"), ANNA)
    house.wait_for_messages(1)
    office.send(to_garden("to the garden"), ANNA, GARDEN)
    house.wait_for_messages(2)
    assert [message.envelope["account"] for message in house.messages()] == [NISSE, GARDEN]
    replies = [house.answer("From the house."), house.answer("From the garden.")]
    wait_until(lambda: all(house.state(reply) == "sent" for reply in replies))
    answers = office.wait_for(ANNA, 2)
    assert {str(answer["From"]).partition("<")[2] for answer in answers} == {f"{NISSE}>", f"{GARDEN}>"}
    for address in (NISSE, GARDEN):
        wait_until(lambda address=address: b"\\Answered" in flags(office, address)[0])  # type: ignore[misc]


@pytest.mark.servers
@pytest.mark.rule("E5")
def test_a_mailbox_that_is_refused_holds_up_no_other(house: House, office: PostOffice) -> None:
    add_garden(house, office, password="not the password")
    house.start("mail")
    wait_until(lambda: told(house, GARDEN).get("state") == "stopped", 60)
    wait_until(lambda: told(house).get("state") == "works")
    office.send(mail(1), ANNA)
    house.wait_for_messages(1)
    reply = house.answer("Monday.")
    wait_until(lambda: house.state(reply) == "sent")


@pytest.mark.servers
def test_the_answer_of_a_mailbox_that_is_no_more_waits_and_says_why(house: House, office: PostOffice) -> None:
    envelope = {"account": GARDEN, "to": ANNA}
    message = Message(
        channel="mail",
        native_id="<1@nisse.test>",
        sender=ANNA,
        address_kind="mail",
        text="hello",
        level="verified",
        envelope=envelope,
    )
    house.room.inbox.receive(message)
    reply = house.answer("Never from another address.")
    house.start("mail")
    wait_until(lambda: "is not set up any more" in house.log())
    wait_until(lambda: house.state(reply) == "answered")  # the channel says so a moment before
    assert office.mailbox(ANNA) == []


def test_a_mailbox_that_lacks_something_does_not_count(tmp_path: Path) -> None:
    whole = {"imap_host": "imap.example.org", "smtp_host": "smtp.example.org", "password": "secret"}
    settings.save(
        tmp_path,
        {
            "mail.more.garden.address": "Garden@example.org",
            **{f"mail.more.garden.{name}": value for name, value in whole.items()},
            "mail.more.twin.address": "garden@example.org",
            **{f"mail.more.twin.{name}": value for name, value in whole.items()},
            "mail.more.half.address": "half@example.org",
        },
    )
    found = settings.load({"NISSE_HOME": str(tmp_path)})
    assert list(entries(found)) == ["", "garden", "half", "twin"]
    (garden,) = accounts(found)
    assert (garden.name, garden.address, garden.imap.user) == (
        "garden",
        "garden@example.org",
        "Garden@example.org",
    )
