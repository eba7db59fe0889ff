"""Mails and servers that break something: no mail keeps the others waiting, and nobody is left without a word."""

from __future__ import annotations

import imaplib
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from agent.channels._patience import Refusals
from agent.channels.mail.account import server as settings_server
from agent.channels.mail.imap import _errors, _refusals
from agent.channels.mail.inhand import InHand
from agent.channels.mail.journal import Cursor, Journal, opened
from agent.errors import RequestError, UnavailableError, UnreachableError
from tests.channels.test_mail import ANNA, NISSE, asked, kill, mail, set_state, start
from tests.live.house_at_work import House, wait_until
from tests.live.postoffice import PostOffice


def tries(house: House) -> list[int]:
    with closing(sqlite3.connect(house.home / "mail.db")) as db:
        return [count for (count,) in db.execute("SELECT count FROM tries WHERE count > 0")]


def prepare_tries(house: House, office: PostOffice, count: int) -> None:
    """As if the newest mail in the mailbox had broken something so often."""
    with office.imap(NISSE) as client:
        client.select_folder("INBOX", readonly=True)
        uid = max(client.search("ALL"))
    with closing(sqlite3.connect(house.home / "mail.db")) as db, db:
        db.execute("INSERT INTO tries SELECT account, folder, validity, ?, ? FROM cursors", [uid, count])


@pytest.mark.servers
@pytest.mark.rule("E6")
def test_a_sender_that_nobody_can_read_does_not_keep_the_next_mail_out(
    house: House, office: PostOffice
) -> None:
    start(house)
    broken = mail(1).as_bytes().replace(b"From: ", b"From: " + b"(" * 900 + b")" * 900 + b" ", 1)
    with office.imap(NISSE) as client:
        client.append("INBOX", broken)
    office.send(mail(2, text="and this?"), ANNA)
    assert [message.text for message in house.wait_for_messages(1)] == ["and this?"]
    assert "channel.broke" not in house.log()


@pytest.mark.servers
@pytest.mark.rule("E6")
def test_the_sender_of_a_mail_that_broke_three_times_is_told(house: House, office: PostOffice) -> None:
    process = start(house)
    kill(process)
    office.send(mail(1), ANNA)
    office.wait_for(NISSE, 1)
    prepare_tries(house, office, 3)
    office.send(mail(2, text="and this?"), ANNA)
    start(house, "second.log")
    told, fine = sorted(house.wait_for_messages(2), key=lambda message: message.problem, reverse=True)
    assert "could not read your mail" in told.problem
    assert (told.sender, told.subject, told.text) == (ANNA, "Bins", "")
    assert (fine.text, fine.problem) == ("and this?", "")
    wait_until(lambda: tries(house) == [])


@pytest.mark.servers
@pytest.mark.rule("E6")
def test_a_mail_whose_headers_break_is_left_where_it_is(house: House, office: PostOffice) -> None:
    process = start(house)
    kill(process)
    office.send(mail(1), ANNA)
    office.wait_for(NISSE, 1)
    prepare_tries(house, office, 6)
    office.send(mail(2, text="and this?"), ANNA)
    start(house, "second.log")
    assert [message.text for message in house.wait_for_messages(1)] == ["and this?"]
    assert "mail.set_aside" in house.log("second.log")


@pytest.mark.servers
@pytest.mark.rule("E6")
def test_while_the_house_is_away_no_try_is_counted(house: House, office: PostOffice) -> None:
    start(house)
    house.shut()
    office.send(mail(), ANNA)
    wait_until(lambda: house.log().count("mail.waits") >= 4)
    assert tries(house) == []
    house.open()
    assert len(house.wait_for_messages(1)) == 1


@pytest.mark.servers
def test_of_a_strangers_mail_only_the_headers_are_handed_in(house: House, office: PostOffice) -> None:
    start(house)
    office.send(mail(1, sender="stranger@nisse.test", text="buy this"), "stranger@nisse.test")
    (refused,) = house.wait_for_messages(1, "refused")
    assert (refused.sender, refused.subject, refused.text) == ("stranger@nisse.test", "Bins", "")


@pytest.mark.servers
def test_a_wrong_password_while_looking_for_a_receipt_is_counted_too(
    house: House, office: PostOffice
) -> None:
    process = start(house)
    asked(house, office)
    kill(process)
    house.answer("Monday.")
    set_state(house, "sending")
    house.environment["NISSE_MAIL_PASSWORD"] = "not the password"
    house.start("mail", log="second.log")
    wait_until(lambda: "replies.stopped" in house.log("second.log"), 60)
    time.sleep(3)
    assert house.log("second.log").count("replies.refused") == 3


def test_a_password_refused_three_times_is_tried_once_an_hour() -> None:
    refusals = Refusals()
    waits = [refusals.next_wait() for _ in range(5)]
    assert max(waits[:2]) < 5
    assert waits[2:] == [3600.0] * 3
    refusals.reset()
    assert refusals.next_wait() < 5
    assert not refusals.slow


@pytest.mark.parametrize(
    ("raised", "meant"),
    [
        (imaplib.IMAP4.error("FETCH failed: no such message"), RequestError),
        (imaplib.IMAP4.error("FETCH failed: [UNAVAILABLE] try again"), UnavailableError),
        (imaplib.IMAP4.abort("socket error: EOF"), UnreachableError),
        (OSError("connection reset"), UnreachableError),
    ],
)
def test_only_a_servers_no_is_a_mails_fault(house: House, raised: Exception, meant: type[Exception]) -> None:
    server = settings_server(house.settings, "imap")
    with pytest.raises(meant) as found, _errors(server), _refusals(server):
        raise raised
    assert isinstance(found.value, RequestError) == (meant is RequestError)


@pytest.mark.rule("E6")
def test_tries_survive_the_process_and_are_forgotten_behind_the_cursor(tmp_path: Path) -> None:
    store = opened(tmp_path)
    journal = Journal(store, "nisse")
    for uid in (4, 5, 6):
        journal.tried("INBOX", 1, uid)
    journal.tried("INBOX", 1, 5)
    store.close()
    journal = Journal(opened(tmp_path), "nisse")
    assert journal.tries("INBOX", 1, 5) == 2
    journal.move("INBOX", Cursor(validity=1, uid=5, newest=0.0))
    assert [journal.tries("INBOX", 1, uid) for uid in (4, 5, 6)] == [0, 0, 1]


@pytest.mark.rule("E6")
def test_a_mail_that_takes_the_process_down_is_counted_without_a_write_for_the_others(tmp_path: Path) -> None:
    store = opened(tmp_path)
    journal = Journal(store, "nisse")
    hand = InHand(journal)
    with hand.holding("INBOX", 1, 4):
        assert journal.tries("INBOX", 1, 4) == 0
    InHand(journal)
    assert journal.tries("INBOX", 1, 4) == 0
    cut_off = hand.holding("Größe", 1, 5)
    cut_off.__enter__()  # and the process is gone
    InHand(journal)
    InHand(journal)
    assert journal.tries("Größe", 1, 5) == 1, "once for each death"
    store.close()


def test_what_stands_in_the_note_by_accident_counts_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path)
    InHand(Journal(store, "nisse"))
    (file,) = tmp_path.glob("*.reading")
    for content in (b"", b"\0" * 1024, b"[1]", b'{"a": 1}', b'["INBOX", "x", 1]', b"\xff" * 2000):
        file.write_bytes(content)
        InHand(Journal(store, "nisse"))
    assert Journal(store, "nisse").tries("INBOX", 1, 1) == 0
    store.close()
