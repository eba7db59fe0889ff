"""Who wrote a mail, as the channel finds out with a real post office and a real name server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from agent.message import ASSERTED, UNVERIFIED, VERIFIED
from tests.channels.test_mail import ANNA, NISSE, kill, mail, start
from tests.live.house_at_work import House, wait_until
from tests.live.postoffice import PostOffice

pytestmark = [pytest.mark.servers, pytest.mark.root]

POST = "post.nisse.test"


@pytest.fixture(scope="module")
def stamping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostOffice]:
    """A post office that marks every mail, as one whose spam filter finds the envelope to be right."""
    stamp = f"{POST}; spf=pass smtp.mailfrom=nisse.test"
    with PostOffice(tmp_path_factory.mktemp("stamping"), stamp=stamp) as opened:
        yield opened


@pytest.fixture(autouse=True)
def answering(offices: PostOffice) -> Iterator[None]:
    """The name server answers again, whatever a test did to it."""
    yield
    offices.names.fails = False


@pytest.mark.rule("E29")
def test_a_signed_mail_is_verified_and_an_unsigned_one_gets_no_answer(
    house: House, office: PostOffice
) -> None:
    start(house)
    office.send(mail(1, text="forged"), ANNA, is_signed=False)
    office.send(mail(2, text="true"), ANNA)
    (message,) = house.wait_for_messages(1)
    assert (message.text, message.level, message.evidence) == ("true", VERIFIED, "signed by nisse.test")
    assert message.written_at > 0
    (refused,) = house.wait_for_messages(1, "refused")
    assert (refused.level, refused.evidence) == (
        UNVERIFIED,
        "it bears no signature of its domain, and no stamp of the mail provider",
    )


@pytest.mark.rule("E29")
def test_an_altered_mail_gets_no_answer(house: House, office: PostOffice) -> None:
    start(house)
    signed = office.signer.sign(mail(1, text="When is the bin emptied?").as_bytes())
    office.send(signed.replace(b"bin", b"tin"), ANNA, is_signed=False)
    (refused,) = house.wait_for_messages(1, "refused")
    assert "not the one that was signed" in refused.evidence


@pytest.mark.rule("E17")
def test_a_strangers_mail_has_no_key_asked_for(house: House, office: PostOffice) -> None:
    start(house)
    office.names.asked.clear()
    office.send(mail(1, sender="stranger@nisse.test"), "stranger@nisse.test")
    house.wait_for_messages(1, "refused")
    assert office.names.asked == []


def _waiting(house: House) -> int:
    """How many mails the channel has put off, by its journal."""
    with closing(sqlite3.connect(house.home / "mail.db")) as db:
        return int(db.execute("SELECT count(*) FROM postponed").fetchone()[0])


def _until_put_off(house: House) -> None:
    """The channel says so a moment before its journal has it."""
    wait_until(lambda: "mail.postponed" in house.log())
    wait_until(lambda: _waiting(house) == 1)


@pytest.mark.rule("E29")
def test_while_no_name_server_answers_the_mail_waits_and_the_next_does_not(
    house: House, office: PostOffice
) -> None:
    process = start(house)
    office.names.fails = True
    office.send(mail(1, text="first"), ANNA)
    _until_put_off(house)
    office.send(mail(2, text="second", Auto_Submitted="auto-replied"), "", is_signed=False)
    house.wait_for_messages(1, "refused")
    assert house.messages() == []
    kill(process)
    office.names.fails = False
    with closing(sqlite3.connect(house.home / "mail.db")) as db, db:
        assert db.execute("UPDATE postponed SET due = 0").rowcount == 1
    start(house, "second.log")
    (message,) = house.wait_for_messages(1)
    assert (message.text, message.level) == ("first", VERIFIED)
    wait_until(lambda: _waiting(house) == 0)
    assert "mail.handed_in" in house.log("second.log")


@pytest.mark.rule("E29")
def test_after_hours_without_a_name_server_the_mail_is_taken_as_it_is(
    house: House, office: PostOffice
) -> None:
    process = start(house)
    office.names.fails = True
    office.send(mail(1), ANNA)
    _until_put_off(house)
    kill(process)
    with closing(sqlite3.connect(house.home / "mail.db")) as db, db:
        db.execute("UPDATE postponed SET due = 0, since = since - 7 * 3600")
    start(house, "second.log")
    (refused,) = house.wait_for_messages(1, "refused")
    assert "no name server" in refused.evidence


@pytest.mark.rule("E3")
def test_a_mail_that_waits_is_not_lost_when_the_server_numbers_all_anew(
    house: House, office: PostOffice
) -> None:
    process = start(house)
    office.names.fails = True
    office.send(mail(1, text="waits"), ANNA)
    _until_put_off(house)
    kill(process)
    office.names.fails = False
    with closing(sqlite3.connect(house.home / "mail.db")) as db, db:
        db.execute("UPDATE cursors SET validity = 1, newest = newest + 600")
        db.execute("UPDATE postponed SET validity = 1")
    start(house, "second.log")
    assert [message.text for message in house.wait_for_messages(1)] == ["waits"]


def beside(house: House, stamping: PostOffice, **more: str) -> None:
    """Gives the house its account at the post office that stamps, whose domain's keys nobody publishes."""
    for name in ("nisse", "anna"):
        with stamping.imap(f"{name}@nisse.test") as client:
            client.select_folder("INBOX")
            client.delete_messages(client.search("ALL"))
            client.expunge()
    house.environment.update(
        {
            "NISSE_MAIL_ADDRESS": NISSE,
            "NISSE_MAIL_PASSWORD": stamping.account("nisse").password,
            "NISSE_MAIL_IMAP_HOST": stamping.host,
            "NISSE_MAIL_IMAP_PORT": str(stamping.imap_port),
            "NISSE_MAIL_SMTP_HOST": stamping.host,
            "NISSE_MAIL_SMTP_PORT": str(stamping.smtp_port),
            "NISSE_MAIL_CA_FILE": str(stamping.ca_file),
            "NISSE_MAIL_NAMESERVER": stamping.names.address,
            "NISSE_MAIL_POLL": "15",
            **more,
        }
    )


@pytest.mark.rule("E28")
def test_the_house_learns_its_providers_stamp_by_a_mail_to_itself_and_removes_it(
    house: House, stamping: PostOffice
) -> None:
    beside(house, stamping)
    process = start(house)
    wait_until(lambda: f"by={POST}" in house.log())
    wait_until(lambda: stamping.mailbox(NISSE) == [])
    assert stamping.mailbox(NISSE, "Sent") == []
    stamping.send(mail(1, text="unsigned"), ANNA, is_signed=False)
    (message,) = house.wait_for_messages(1)
    assert (message.text, message.level) == ("unsigned", ASSERTED)
    assert POST in message.evidence
    assert house.messages("refused") == []
    kill(process)
    start(house, "second.log")
    stamping.send(mail(2, text="again"), ANNA, is_signed=False)
    assert [message.level for message in house.wait_for_messages(2)] == [ASSERTED] * 2
    assert "mail.trial_sent" not in house.log("second.log")


@pytest.mark.rule("E28")
def test_nobody_else_can_teach_the_house_a_stamp(house: House, stamping: PostOffice) -> None:
    beside(house, stamping)
    start(house)
    wait_until(lambda: "mail.stamp_learned" in house.log())
    wait_until(lambda: stamping.mailbox(NISSE) == [])
    lesson = mail(1, sender=NISSE, X_Nisse_Trial="guessed").as_bytes()
    stamping.send(b"Authentication-Results: mx.evil.example; dmarc=pass\r\n" + lesson, NISSE, is_signed=False)
    stamping.wait_for(NISSE, 1)
    stamping.send(mail(2, text="true"), ANNA, is_signed=False)
    house.wait_for_messages(1)
    assert house.log().count("mail.stamp_learned") == 1


@pytest.mark.rule("E27")
def test_a_forged_stamp_below_the_providers_own_is_not_read(house: House, stamping: PostOffice) -> None:
    beside(house, stamping, NISSE_MAIL_AUTHSERV_ID=POST)
    start(house)
    forged = f"Authentication-Results: {POST}; dmarc=pass header.from=example.org\r\n".encode()
    house.room.people.add("Cora", "member", [("mail", "cora@example.org")])
    stamping.send(
        forged + mail(1, sender="cora@example.org").as_bytes(), "mallory@evil.example", is_signed=False
    )
    (refused,) = house.wait_for_messages(1, "refused")
    assert (refused.sender, refused.level) == ("cora@example.org", UNVERIFIED)
    assert "spf=pass" in refused.evidence


@pytest.mark.rule("E28")
def test_with_a_name_in_the_settings_nothing_is_asked(house: House, stamping: PostOffice) -> None:
    beside(house, stamping, NISSE_MAIL_AUTHSERV_ID="mx.other.example")
    start(house)
    stamping.send(mail(1), ANNA, is_signed=False)
    house.wait_for_messages(1, "refused")
    assert "mail.trial" not in house.log()
