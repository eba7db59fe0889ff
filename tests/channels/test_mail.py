"""The mail channel against a real post office: nothing lost, nothing answered twice."""

from __future__ import annotations

import contextlib
import os
import signal
import smtplib
import sqlite3
import time
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

import pytest

from agent.channels.mail import check
from agent.errors import AuthenticationError, SettingsError, UnreachableError
from tests.live.house_at_work import House, wait_for_port, wait_until
from tests.live.ports import free_port
from tests.live.postoffice import PostOffice

pytestmark = pytest.mark.servers

NISSE, ANNA = "nisse@nisse.test", "anna@nisse.test"


def mail(
    number: int = 1, sender: str = ANNA, text: str = "When is the bin emptied?", **fields: str
) -> EmailMessage:
    made = EmailMessage()
    made["From"] = sender
    made["To"] = NISSE
    made["Subject"] = "Bins"
    made["Message-ID"] = f"<{number}.{os.getpid()}.{time.monotonic_ns()}@nisse.test>"
    # As every mail program does: a server that has to put it in gives each copy its own.
    made["Date"] = fields.pop("Date", "") or formatdate()
    for name, value in fields.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made


def start(house: House, log: str = "channel.log") -> Any:
    """Starts the channel and waits until it has found its place in the mailbox."""
    process = house.start("mail", log=log)
    wait_until(lambda: any(word in house.log(log) for word in ("mail.begins", "mail.follows")), 90)
    return process


def words(answer: EmailMessage) -> str:
    """A mail's plain text."""
    plain = answer.get_body(("plain",))
    assert plain is not None
    return str(plain.get_content())


def kill(process: Any) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)


def asked(house: House, office: PostOffice) -> EmailMessage:
    """A question of Anna's that the house has received."""
    question = mail()
    office.send(question, ANNA)
    house.wait_for_messages(1)
    return question


def set_state(house: House, state: str) -> None:
    with house.room.store.transaction() as db:
        db.conn.execute("UPDATE outbox SET state = ?", [state])


def states(house: House) -> list[str]:
    """How the channel's mailboxes fare, by its last word."""
    return [one["state"] for report in house.room.channels.everything() for one in report["accounts"]]


def test_a_mail_is_answered_in_its_thread(house: House, office: PostOffice) -> None:
    start(house)
    question = asked(house, office)
    (message,) = house.messages()
    assert (message.channel, message.sender) == ("mail", ANNA)
    assert message.envelope["message_id"] == question["Message-ID"]
    assert message.envelope["account"] == NISSE
    reply = house.answer("Monday.")
    wait_until(lambda: house.state(reply) == "sent")
    (answer,) = office.wait_for(ANNA, 1)
    assert answer["In-Reply-To"] == question["Message-ID"]
    assert answer["References"] == question["Message-ID"]
    assert answer["Subject"] == "Re: Bins"
    assert answer["Auto-Submitted"] == "auto-replied"
    assert words(answer).startswith("Monday.")


@pytest.mark.rule("E56")
@pytest.mark.rule("E4")
def test_the_question_is_marked_answered_and_the_receipt_goes_to_the_sent_folder(
    house: House, office: PostOffice
) -> None:
    start(house)
    asked(house, office)
    assert house.messages()[0].envelope["uid"].isdigit()
    reply = house.answer("Monday.")
    wait_until(lambda: len(office.mailbox(NISSE, "Sent")) == 1)
    assert office.mailbox(NISSE, "Sent")[0]["Message-ID"] == f"<{reply.outgoing_id}@nisse.test>"
    wait_until(lambda: len(office.mailbox(NISSE)) == 1)

    def flags() -> Any:
        with office.imap(NISSE) as client:
            client.select_folder("INBOX", readonly=True)
            return next(iter(client.get_flags(client.search("ALL")).values()))

    wait_until(lambda: b"\\Answered" in flags())
    assert b"\\Seen" not in flags()
    assert len(house.messages("answered")) == 1
    assert house.messages("refused") == []


@pytest.mark.rule("E5")
def test_mail_is_noticed_at_once_not_at_the_next_poll(house: House, office: PostOffice) -> None:
    house.environment["NISSE_MAIL_POLL"] = "300"
    start(house)
    wait_until(lambda: "works" in states(house))  # said when the first look is over
    time.sleep(1)
    office.send(mail(), ANNA)
    assert len(house.wait_for_messages(1)) == 1  # gives up long before the poll


@pytest.mark.rule("E3")
def test_what_lay_there_before_the_first_start_is_left_alone(house: House, office: PostOffice) -> None:
    office.send(mail(1, text="old"), ANNA)
    office.wait_for(NISSE, 1)
    start(house)
    office.send(mail(2, text="new"), ANNA)
    assert [message.text for message in house.wait_for_messages(1)] == ["new"]


@pytest.mark.rule("E3")
def test_mail_that_came_while_the_channel_was_down_is_received_once(house: House, office: PostOffice) -> None:
    process = start(house)
    office.send(mail(1, text="one"), ANNA)
    house.wait_for_messages(1)
    kill(process)
    office.send(mail(2, text="two"), ANNA)
    office.wait_for(NISSE, 2)
    office.send(mail(3, text="three"), ANNA)
    office.wait_for(NISSE, 3)
    start(house, "second.log")
    assert [message.text for message in house.wait_for_messages(3)] == ["one", "two", "three"]


def test_mail_waits_in_the_mailbox_while_the_house_is_away(house: House, office: PostOffice) -> None:
    start(house)
    house.shut()
    office.send(mail(1, text="one"), ANNA)
    office.wait_for(NISSE, 1)
    office.send(mail(2, text="two"), ANNA)
    wait_until(lambda: "mail.waits" in house.log())
    house.open()
    assert [message.text for message in house.wait_for_messages(2)] == ["one", "two"]


@pytest.mark.rule("E5")
def test_a_broken_connection_is_made_again(house: House, office: PostOffice) -> None:
    start(house)
    office.restart_dovecot()
    office.send(mail(), ANNA)
    assert len(house.wait_for_messages(1)) == 1


@pytest.mark.rule("E60")
def test_the_same_mail_delivered_twice_is_one_message(house: House, office: PostOffice) -> None:
    start(house)
    twice = mail()
    office.send(twice, ANNA)
    office.send(twice, ANNA)
    office.wait_for(NISSE, 2)
    office.send(mail(text="last"), ANNA)
    wait_until(lambda: "last" in [message.text for message in house.messages()])
    assert len(house.messages()) == 2


@pytest.mark.rule("E3")
@pytest.mark.rule("E60")
def test_when_the_server_numbers_all_mails_anew_only_new_ones_are_answered(
    house: House, office: PostOffice
) -> None:
    office.send(mail(1, text="before the house"), ANNA)
    office.wait_for(NISSE, 1)
    time.sleep(1.1)  # servers note a mail's arrival to the second
    process = start(house)
    office.send(mail(2, text="one"), ANNA)
    house.wait_for_messages(1)
    wait_until(lambda: "mail.handed_in" in house.log())
    kill(process)
    with contextlib.closing(sqlite3.connect(house.home / "mail.db")) as db, db:
        db.execute("UPDATE cursors SET validity = 1")
    office.send(mail(3, text="two"), ANNA)
    office.wait_for(NISSE, 3)
    start(house, "second.log")
    assert [message.text for message in house.wait_for_messages(2)] == ["one", "two"]
    time.sleep(1)
    assert len(house.messages()) == 2
    assert "mail.renumbered" in house.log("second.log")


def test_the_doors_answers_can_go_out_by_a_relay(house: House, office: PostOffice) -> None:
    port = free_port()
    house.environment.update(
        {
            "NISSE_MAIL_ADDRESS": "",
            "NISSE_DOOR_LISTEN": f"127.0.0.1:{port}",
            "NISSE_DOOR_RELAY_HOST": office.host,
            "NISSE_DOOR_RELAY_PORT": str(office.smtp_port),
            "NISSE_DOOR_RELAY_USER": NISSE,
            "NISSE_DOOR_RELAY_PASSWORD": office.account("nisse").password,
            "NISSE_DOOR_RELAY_CA_FILE": str(office.ca_file),
        }
    )
    house.start("door")
    wait_for_port(port)
    question = mail()
    question.replace_header("To", "nisse@localhost")
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail(ANNA, ["nisse@localhost"], question.as_bytes())
    reply = house.answer("Monday.")
    wait_until(lambda: house.state(reply) == "sent")
    assert [answer["From"] for answer in office.wait_for(ANNA, 1)] == ["nisse <nisse@nisse.test>"]


@pytest.mark.rule("E55")
def test_an_address_that_the_server_refuses_is_failed_and_the_next_answer_goes_out(
    house: House, office: PostOffice
) -> None:
    house.room.people.add("Gone", "member", [("mail", "gone@nisse.test")])
    start(house)
    office.send(mail(1, sender="gone@nisse.test"), ANNA)
    office.wait_for(NISSE, 1)
    office.send(mail(2), ANNA)
    house.wait_for_messages(2)
    never, fine = house.answer("To nobody."), house.answer("To Anna.")
    wait_until(lambda: house.state(fine) == "sent")
    wait_until(lambda: house.state(never) == "failed")
    assert [words(answer)[:8] for answer in office.wait_for(ANNA, 1)] == ["To Anna."]
    receipts = office.wait_for(NISSE, 1, folder="Sent")
    assert [receipt["To"] for receipt in receipts] == [ANNA], "no receipt of what was refused"


@pytest.mark.rule("E55")
def test_what_the_server_puts_off_is_sent_later(house: House, office: PostOffice) -> None:
    house.room.people.add("Later", "member", [("mail", "later@nisse.test")])
    start(house)
    office.send(mail(1, sender="later@nisse.test"), ANNA)
    house.wait_for_messages(1)
    reply = house.answer("Monday.")
    wait_until(lambda: "reply.put_off" in house.log())
    wait_until(lambda: house.state(reply) == "answered")  # the channel says so a moment before
    office.open_later()
    wait_until(lambda: house.state(reply) == "sent", 90)
    assert len(office.wait_for(ANNA, 1)) == 1


@pytest.mark.rule("E6")
def test_an_oversized_mail_is_told_of_without_being_fetched(house: House, office: PostOffice) -> None:
    house.environment["NISSE_CONVERSATION_MAX_MESSAGE"] = "1"
    start(house)
    big = mail(text="Please keep this.")
    big.add_attachment(b"x" * 2_000_000, maintype="application", subtype="pdf", filename="big.pdf")
    office.send(big, ANNA)
    office.send(mail(2, text="and this?"), ANNA)
    first, second = sorted(house.wait_for_messages(2), key=lambda message: message.problem, reverse=True)
    assert "3 MB; I take up to 1 MB" in first.problem
    assert (first.sender, first.subject, first.attachments) == (ANNA, "Bins", ())
    assert (second.text, second.problem) == ("and this?", "")


def test_strangers_and_machines_get_no_answer_and_own_mail_is_no_mail(
    house: House, office: PostOffice
) -> None:
    start(house)
    office.send(mail(1, sender="stranger@nisse.test"), "stranger@nisse.test")
    office.send(mail(2, Auto_Submitted="auto-replied"), ANNA)
    office.send(mail(3), "")
    office.send(mail(4, sender=NISSE), NISSE)
    office.send(mail(5, text="a person"), ANNA)
    assert [message.text for message in house.wait_for_messages(1)] == ["a person"]
    refused = house.wait_for_messages(3, "refused")
    assert {message.automatic for message in refused} == {
        "",
        "Auto-Submitted: auto-replied",
        "empty return path",
    }


@pytest.mark.rule("E5")
def test_a_wrong_password_is_tried_three_times_and_no_more(house: House, office: PostOffice) -> None:
    house.environment["NISSE_MAIL_PASSWORD"] = "not the password"
    process = house.start("mail")
    wait_until(lambda: "mail.stopped" in house.log(), 60)
    assert house.log().count("mail.refused") == 3
    assert "not the password" not in house.log()
    time.sleep(2)
    assert house.log().count("mail.refused") == 3
    assert process.poll() is None


def test_without_an_account_the_process_waits_quietly(house: House) -> None:
    process = house.start("mail")
    wait_until(lambda: "there is no mail account" in house.log())
    time.sleep(1)
    assert process.poll() is None
    assert house.log().count("\n") == 1


@pytest.mark.rule("E54")
def test_the_test_button_really_logs_in(house: House, office: PostOffice) -> None:
    assert NISSE in check(house.settings)
    starttls: dict[str, str | int | bool] = {
        "mail.imap_port": office.imap_starttls_port,
        "mail.imap_security": "starttls",
        "mail.smtp_port": office.smtp_starttls_port,
        "mail.smtp_security": "starttls",
    }
    assert NISSE in check(house.settings.with_values(starttls))


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"mail.password": "wrong"}, AuthenticationError, "app password"),
        ({"mail.ca_file": ""}, UnreachableError, "does not prove who it is"),
        ({"mail.ca_file": "/no/such/file"}, SettingsError, "cannot be read"),
        ({"mail.imap_port": 1}, UnreachableError, "does not answer on port 1"),
        ({"mail.smtp_port": 1}, UnreachableError, "does not answer on port 1"),
        ({"mail.folder": "Nowhere"}, SettingsError, "no folder"),
        ({"mail.address": "", "mail.password": ""}, SettingsError, "mail.address, mail.password"),
        ({"mail.smtp_security": "starttls"}, UnreachableError, "does not answer"),
    ],
)
@pytest.mark.rule("E54")
def test_the_test_button_says_what_is_wrong(
    house: House, office: PostOffice, wrong: dict[str, Any], error: type[Exception], words: str
) -> None:
    if wrong.get("mail.smtp_security"):
        wrong = {**wrong, "mail.smtp_port": office.plain_port, "mail.imap_port": 1}
    with pytest.raises(error, match=words):
        check(house.settings.with_values(wrong))
