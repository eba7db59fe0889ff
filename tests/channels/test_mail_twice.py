"""One mailbox, read twice: by two processes, by two houses made of one backup, by a house from yesterday, after all uids changed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.channels.test_mail import ANNA, NISSE, kill, mail, start
from tests.live.house_at_work import House, wait_until
from tests.live.interception import Tls, Trap, Wire
from tests.live.postoffice import PostOffice

pytestmark = [pytest.mark.servers, pytest.mark.rule("E60")]

Twin = Callable[[], House]


@pytest.fixture
def twin(house: House, tmp_path: Path) -> Iterator[Twin]:
    """Puts a backup of the house, as it is now, on another box: the same people, the same secret, the same cursor."""
    made: list[House] = []

    def restore() -> House:
        home = tmp_path / f"restored-{len(made)}"
        home.mkdir()
        for name in ("conversation.db", "mail.db"):
            if (house.home / name).exists():
                with (
                    contextlib.closing(sqlite3.connect(house.home / name)) as source,
                    contextlib.closing(sqlite3.connect(home / name)) as target,
                ):
                    source.backup(target)
        other = House(home)
        own = {name: other.environment[name] for name in ("NISSE_HOME", "NISSE_CONVERSATION_URL")}
        other.environment.update(house.environment | own)
        made.append(other)
        return other

    yield restore
    for other in made:
        other.end()


def answers(office: PostOffice) -> list[EmailMessage]:
    return [one for one in office.mailbox(ANNA) if one["In-Reply-To"]]


def ask(office: PostOffice, number: int) -> EmailMessage:
    question = mail(number, text=f"question {number}")
    office.send(question, ANNA)
    return question


def received(house: House, text: str) -> bool:
    return text in [message.text for message in house.messages()]


def answer_all(house: House, text: str) -> None:
    """Answers what waits, and waits until all of it is settled."""
    while house.messages():
        house.answer(text)
    wait_until(lambda: set(house.room.outbox.counts()) == {"sent"}, 60)


def copies(office: PostOffice, question: EmailMessage) -> int:
    """How often a mail lies in the house's mailbox."""
    return [one["Message-ID"] for one in office.mailbox(NISSE)].count(question["Message-ID"])


def is_flagged(office: PostOffice, count: int) -> bool:
    with office.imap(NISSE) as client:
        client.select_folder("INBOX", readonly=True)
        return len(client.search(["ANSWERED"])) == count


def test_a_second_process_of_the_same_house_is_turned_away(house: House, office: PostOffice) -> None:
    start(house)
    second = house.start("mail", log="second.log")
    assert second.wait(30) != 0
    assert "Another process works with mail.db" in house.log("second.log")
    ask(office, 1)
    house.wait_for_messages(1)


def test_two_houses_made_of_one_backup_answer_a_mail_once(
    house: House, office: PostOffice, twin: Twin
) -> None:
    process = start(house)
    kill(process)
    house.environment["NISSE_MAIL_GRACE"] = "20"  # who is slow is not dead
    other = twin()
    start(house, "again.log")
    start(other)
    for number in range(5):
        ask(office, number)
    house.wait_for_messages(5)
    other.wait_for_messages(5)
    for _ in range(5):  # both at once, as two brains of one speed do
        house.answer("Monday, says the one.")
        other.answer("Monday, says the other.")
    for each in (house, other):
        wait_until(lambda each=each: each.room.outbox.counts() == {"sent": 5}, 60)  # type: ignore[misc]
    office.wait_for(ANNA, 5)
    assert len(answers(office)) == 5
    assert len({one["In-Reply-To"] for one in answers(office)}) == 5


def test_if_the_house_that_began_an_answer_dies_the_other_sends_it(
    house: House, office: PostOffice, twin: Twin, tmp_path: Path
) -> None:
    tls = Tls(tmp_path, office.ca_file)
    both = tmp_path / "both.pem"
    both.write_bytes(office.ca_file.read_bytes() + tls.ca_file.read_bytes())
    house.environment["NISSE_MAIL_CA_FILE"] = str(both)
    kill(start(house))
    other = twin()
    with Wire(office.smtp_port, tls=tls) as wire:
        house.environment["NISSE_MAIL_SMTP_PORT"] = str(wire.port)
        process = start(house, "again.log")
        start(other)
        ask(office, 1)
        house.wait_for_messages(1)
        other.wait_for_messages(1)
        trap = Trap(rb"(?i)mail from:", "before", lambda: kill(process))
        wire.set_trap(trap)
        house.answer("Monday, says the one.")
        wait_until(trap.sprung.is_set)
        answer_all(other, "Monday, says the other.")
    (sent,) = office.wait_for(ANNA, 1)
    part = sent.get_body(("plain",))
    assert part
    assert "says the other" in part.get_content()


def test_a_house_from_yesterdays_backup_answers_nothing_again(
    house: House, office: PostOffice, twin: Twin
) -> None:
    process = start(house)
    restored = twin()  # yesterday: before any of these mails
    for number in (1, 2):
        ask(office, number)
        house.wait_for_messages(1)
        answer_all(house, f"answer {number}")
        wait_until(lambda number=number: is_flagged(office, number))  # type: ignore[misc]
        wait_until(lambda number=number: len(office.mailbox(NISSE, "Sent")) == number)  # type: ignore[misc]
    kill(process)
    with office.imap(NISSE) as client:  # of the second, the power failed before it was flagged
        client.select_folder("INBOX")
        client.remove_flags(
            client.search(["TEXT", "question 2"]), [b"\\Answered", b"$Nisse", b"$NisseSending"]
        )
    ask(office, 3)
    start(restored)
    wait_until(lambda: received(restored, "question 3"))
    assert not received(restored, "question 1"), "flagged: not even read"
    answer_all(restored, "other words")
    wait_until(lambda: is_flagged(office, 3))
    office.wait_for(ANNA, 3)
    assert len(answers(office)) == 3
    assert len({one["In-Reply-To"] for one in answers(office)}) == 3


def test_an_answer_that_yesterdays_backup_still_means_to_send_is_not_sent_again(
    house: House, office: PostOffice, twin: Twin
) -> None:
    process = start(house)
    ask(office, 1)
    house.wait_for_messages(1)
    kill(process)
    house.answer("Monday.")
    restored = twin()  # the answer is fixed, but not sent yet
    start(house, "again.log")
    wait_until(lambda: house.room.outbox.counts() == {"sent": 1}, 60)
    wait_until(lambda: len(office.mailbox(NISSE, "Sent")) == 1)
    start(restored)
    wait_until(lambda: restored.room.outbox.counts() == {"sent": 1}, 60)
    office.wait_for(ANNA, 1)
    assert len(answers(office)) == 1


@pytest.mark.rule("E3")
def test_when_the_server_really_numbers_anew_nothing_is_answered_again(
    house: House, office: PostOffice
) -> None:
    start(house)
    ask(office, 1)
    house.wait_for_messages(1)
    answer_all(house, "answer 1")
    wait_until(lambda: is_flagged(office, 1))
    before = validity(office)
    office.stop_dovecot()
    (uidlist,) = (office.root / "mail").glob("nisse@*/Maildir/dovecot-uidlist")
    uidlist.unlink()
    for index in uidlist.parent.glob("dovecot.index*"):
        index.unlink()
    office.start_dovecot()
    assert validity(office) != before
    ask(office, 2)
    wait_until(lambda: received(house, "question 2"), 60)
    assert "mail.renumbered" in house.log()
    answer_all(house, "answer 2")
    wait_until(lambda: is_flagged(office, 2))
    office.wait_for(ANNA, 2)
    assert len(answers(office)) == 2
    assert len(house.messages("answered")) == 2


def validity(office: PostOffice) -> int:
    with office.imap(NISSE) as client:
        return int(client.select_folder("INBOX", readonly=True)[b"UIDVALIDITY"])


def test_a_copy_that_arrives_after_the_answer_is_no_second_question(house: House, office: PostOffice) -> None:
    start(house)
    question = ask(office, 1)
    house.wait_for_messages(1)
    answer_all(house, "answer 1")
    office.send(question, ANNA)  # a forwarder was slow
    wait_until(lambda: copies(office, question) == 2)
    ask(office, 2)
    wait_until(lambda: received(house, "question 2"))
    answer_all(house, "answer 2")
    assert len(office.wait_for(ANNA, 2)) == 2


@pytest.mark.rule("E50")
def test_a_note_goes_out_as_an_automatic_reply_and_leaves_the_mail_unflagged(
    house: House, office: PostOffice
) -> None:
    start(house)
    ask(office, 1)
    (message,) = house.wait_for_messages(1)
    (anna,) = [person for person in house.room.people.everybody() if person.name == "Anna"]
    note = house.room.outbox.note(message, anna.id, "It takes until 14:30.")
    assert note
    wait_until(lambda: house.state(note) == "sent")
    (seen,) = office.wait_for(ANNA, 1)
    assert seen["Auto-Submitted"] == "auto-replied"
    assert seen["In-Reply-To"] == message.envelope["message_id"]
    assert is_flagged(office, 0)
    answer_all(house, "Monday.")
    assert len(office.wait_for(ANNA, 2)) == 2
    wait_until(lambda: is_flagged(office, 1))
