"""The mail channel's connections, against a real post office: what it relies on, what it sets aside, and what it tells the owner."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from agent.channels.mail.account import server as settings_server
from agent.channels.mail.imap import KEYWORD, Imap
from tests.channels.test_mail import ANNA, NISSE, asked, kill, mail, start
from tests.live.house_at_work import House, wait_until
from tests.live.interception import Tls, Wire
from tests.live.postoffice import PostOffice

pytestmark = pytest.mark.servers


def flags(office: PostOffice, address: str = NISSE) -> list[set[bytes]]:
    """The flags of the mails in a mailbox, oldest first."""
    with office.imap(address) as client:
        client.select_folder("INBOX", readonly=True)
        found = client.get_flags(client.search("ALL"))
    return [set(found[uid]) - {b"\\Recent"} for uid in sorted(found)]


def told(house: House, account: str = NISSE) -> dict[str, Any]:
    """What the channel last said of one of its mailboxes."""
    accounts = [one for report in house.room.channels.everything() for one in report["accounts"]]
    return next((one for one in accounts if one["account"] == account), {})


def append(office: PostOffice, content: bytes) -> None:
    with office.imap(NISSE) as client:
        client.append("INBOX", content)


@pytest.fixture
def trusting_both(house: House, office: PostOffice, tmp_path: Path) -> Tls:
    """The house trusts the post office and whoever stands in for it."""
    tls = Tls(tmp_path, office.ca_file)
    both = tmp_path / "both.pem"
    both.write_bytes(office.ca_file.read_bytes() + tls.ca_file.read_bytes())
    house.environment["NISSE_MAIL_CA_FILE"] = str(both)
    return tls


def say_less(house: House, office: PostOffice, tls: Tls, word: bytes) -> Wire:
    """An IMAP server that never says a word."""
    wire = Wire(office.imap_port, tls=tls, retell=lambda piece: piece.replace(word, b""))
    house.environment["NISSE_MAIL_IMAP_PORT"] = str(wire.port)
    return wire


@pytest.mark.rule("E1")
def test_a_mail_keeps_its_name_when_others_before_it_are_removed(house: House, office: PostOffice) -> None:
    office.send(mail(1, text="old"), ANNA)
    office.send(mail(2, text="older than the house"), ANNA)
    office.wait_for(NISSE, 2)
    start(house)
    asked(house, office)
    with office.imap(NISSE) as client:  # all sequence numbers move
        client.select_folder("INBOX")
        client.delete_messages(sorted(client.search("ALL"))[:2])
        client.expunge()
    reply = house.answer("Monday.")
    wait_until(lambda: house.state(reply) == "sent")
    wait_until(lambda: [b"\\Answered" in one for one in flags(office)] == [True])
    office.send(mail(4, text="the next"), ANNA)
    assert [message.text for message in house.wait_for_messages(1)] == ["the next"]


@pytest.mark.rule("E1")
def test_a_message_bears_where_its_mail_lies(house: House, office: PostOffice) -> None:
    start(house)
    asked(house, office)
    (message,) = house.messages()
    with office.imap(NISSE) as client:
        opened = client.select_folder("INBOX", readonly=True)
        (uid,) = client.search("ALL")
    assert message.envelope["account"] == NISSE
    assert message.envelope["folder"] == "INBOX"
    assert message.envelope["validity"] == str(opened[b"UIDVALIDITY"])
    assert message.envelope["uid"] == str(uid)


@pytest.mark.rule("E2")
def test_the_last_mail_is_not_new_although_the_server_names_it(house: House, office: PostOffice) -> None:
    office.send(mail(1), ANNA)
    office.wait_for(NISSE, 1)
    with office.imap(NISSE) as client:
        client.select_folder("INBOX", readonly=True)
        (uid,) = client.search("ALL")
        assert client.search(["UID", f"{uid + 1}:*"]) == [uid], "this is what the server really does"
    with Imap(settings_server(house.settings, "imap")) as box:
        box.open("INBOX")
        assert box.newer(uid, 0.0) == []
        assert box.newer(uid - 1, 0.0) == [uid]


@pytest.mark.rule("E4")
def test_what_was_answered_bears_the_houses_own_keyword_and_nothing_is_seen(
    house: House, office: PostOffice
) -> None:
    start(house)
    asked(house, office)
    wait_until(lambda: flags(office) == [set()])
    reply = house.answer("Monday.")
    wait_until(lambda: house.state(reply) == "sent")
    wait_until(lambda: {b"\\Answered", KEYWORD} <= flags(office)[0])
    assert b"\\Seen" not in flags(office)[0]


@pytest.mark.rule("E4")
def test_where_a_folder_takes_no_keywords_the_plain_flag_is_enough(
    house: House, office: PostOffice, trusting_both: Tls
) -> None:
    with say_less(house, office, trusting_both, b" \\*"):
        start(house)
        asked(house, office)
        reply = house.answer("Monday.")
        wait_until(lambda: house.state(reply) == "sent")
        wait_until(lambda: flags(office) == [{b"\\Answered"}])


@pytest.mark.rule("E4")
@pytest.mark.parametrize("flag", [b"\\Answered", KEYWORD])
def test_what_somebody_answered_already_is_left_alone(house: House, office: PostOffice, flag: bytes) -> None:
    process = start(house)
    kill(process)
    office.send(mail(1, text="answered by Anna herself"), ANNA)
    office.wait_for(NISSE, 1)
    with office.imap(NISSE) as client:
        client.select_folder("INBOX")
        client.add_flags(client.search("ALL"), [flag])
    office.send(mail(2, text="new"), ANNA)
    office.wait_for(NISSE, 2)
    start(house, "second.log")
    assert [message.text for message in house.wait_for_messages(1)] == ["new"]
    assert "mail.answered_before" in house.log("second.log")


@pytest.mark.rule("E4")
def test_what_somebody_read_already_is_answered_all_the_same(house: House, office: PostOffice) -> None:
    process = start(house)
    kill(process)
    office.send(mail(1), ANNA)
    office.wait_for(NISSE, 1)
    with office.imap(NISSE) as client:
        client.select_folder("INBOX")
        client.add_flags(client.search("ALL"), [b"\\Seen"])
    start(house, "second.log")
    assert len(house.wait_for_messages(1)) == 1


@pytest.mark.rule("E5")
def test_without_idle_the_folder_is_looked_at_in_turns(
    house: House, office: PostOffice, trusting_both: Tls
) -> None:
    house.environment["NISSE_MAIL_POLL"] = "15"
    with say_less(house, office, trusting_both, b" IDLE"):
        start(house)
        office.send(mail(1, text="one"), ANNA)
        wait_until(house.messages, 90)
        assert [message.text for message in house.messages()] == ["one"]
        assert "IDLE" not in house.log()


@pytest.mark.rule("E5")
def test_a_refused_password_stops_the_mailbox_over_restarts_until_somebody_has_it_tried_again(
    house: House, office: PostOffice
) -> None:
    house.environment["NISSE_MAIL_PASSWORD"] = "not the password"
    process = house.start("mail")
    wait_until(lambda: told(house).get("state") == "stopped", 60)
    assert "refuses the user name or the password" in told(house)["why"]
    assert "app password" in told(house)["hint"]
    kill(process)
    reported = house.room.channels.everything()[0]["at"]
    process = house.start("mail", log="second.log")
    wait_until(lambda: house.room.channels.everything()[0]["at"] > reported)
    wait_until(lambda: told(house).get("state") == "stopped")
    time.sleep(3)
    assert "mail.refused" not in house.log("second.log"), "a restart gives no further tries"
    house.room.channels.again("mail", NISSE)
    wait_until(lambda: "mail.refused" in house.log("second.log"))
    kill(process)
    house.environment["NISSE_MAIL_PASSWORD"] = office.account("nisse").password
    start(house, "third.log")
    wait_until(lambda: told(house).get("state") == "works")


@pytest.mark.rule("E6")
def test_an_empty_mail_is_set_aside_and_the_next_one_read(house: House, office: PostOffice) -> None:
    start(house)
    append(office, b"\r\n")
    office.send(mail(2, text="and this?"), ANNA)
    assert [message.text for message in house.wait_for_messages(1)] == ["and this?"]
    wait_until(lambda: told(house).get("set_aside"))
    (one,) = told(house)["set_aside"]
    assert "empty" in one["why"]
    assert house.messages("refused") == []


@pytest.mark.rule("E6")
def test_an_oversized_mail_is_shown_to_the_owner_as_well(house: House, office: PostOffice) -> None:
    house.environment["NISSE_CONVERSATION_MAX_MESSAGE"] = "1"
    start(house)
    big = mail(1, text="Please keep this.")
    big.add_attachment(b"x" * 2_000_000, maintype="application", subtype="pdf", filename="big.pdf")
    office.send(big, ANNA)
    office.send(mail(2, text="and this?"), ANNA)
    house.wait_for_messages(2)
    wait_until(lambda: told(house).get("set_aside"))
    (one,) = told(house)["set_aside"]
    assert (one["sender"], one["subject"]) == (ANNA, "Bins")
    assert "larger than the house takes" in one["why"]


@pytest.mark.rule("E56")
def test_an_answer_whose_receipt_is_refused_is_copied_to_the_sent_folder(
    house: House, office: PostOffice
) -> None:
    start(house)
    asked(house, office)
    deferred = office.root / "postfix/deferred"
    before = deferred.read_text()
    deferred.write_text(f"{NISSE} 450 4.2.1 not to yourself\n")
    office._restart_postfix()
    try:
        reply = house.answer("Monday.")
        wait_until(lambda: house.state(reply) == "sent")
        (copy,) = office.wait_for(NISSE, 1, folder="Sent")
        assert copy["Message-ID"] == f"<{reply.outgoing_id}@nisse.test>"
        assert len(office.wait_for(ANNA, 1)) == 1
    finally:
        deferred.write_text(before)
        office._restart_postfix()
