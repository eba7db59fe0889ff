"""Loops, between real mail servers: whoever answers the house by itself, the traffic stops by itself within its bounds."""

from __future__ import annotations

import re
import smtplib
import time
from collections.abc import Callable, Iterator
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from agent.conversation.limits import Limits
from tests.channels.test_mail import ANNA, NISSE, mail, start
from tests.live.correspondents import Answering, Correspondent
from tests.live.house_at_work import House, wait_until
from tests.live.postoffice import PostOffice

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

MOST = Limits()
OTHER = "bert@nisse.test"  # the mailbox of another Nisse
MARKS = re.compile(
    rb"^(Auto-Submitted|X-Auto-Response-Suppress|X-Nisse-[^:]*|Message-ID):.*\r?\n",
    re.IGNORECASE | re.MULTILINE,
)


def comes_to_rest(look: Callable[[], object], *, quiet: float = 6.0, longest: float = 120.0) -> None:
    """Returns when what is seen has not changed for a while; fails if that never happens."""
    end, seen, since = time.monotonic() + longest, look(), time.monotonic()
    while time.monotonic() - since < quiet:
        assert time.monotonic() < end, "the traffic does not stop"
        time.sleep(0.2)
        now = look()
        if now != seen:
            seen, since = now, time.monotonic()


def sent(house: House) -> int:
    return house.room.outbox.counts().get("sent", 0)


def rules(house: House) -> list[str]:
    with house.room.store.reading() as db:
        return [
            row["rule"]
            for row in db.conn.execute("SELECT rule FROM inbox WHERE state = 'refused' ORDER BY rowid")
        ]


@pytest.fixture
def everyday(house: House, office: PostOffice) -> Iterator[House]:
    """The house at work: it answers what comes, within the limits that households have."""
    assert house.settings.number("conversation.sender_hour") == MOST.sender_hour
    start(house)
    with Answering(house):
        yield house


def responds(
    office: PostOffice, *, in_thread: bool, fresh_words: bool = False, **fields: str
) -> Callable[[EmailMessage], None]:
    """Anna's mailbox answers every mail by itself, whatever marks that mail bears."""

    def respond(received: EmailMessage) -> None:
        words = f"I am away until Monday. {received['Message-ID'] if fresh_words else ''}"
        answer = mail(text=words)
        for name, value in fields.items():
            answer[name.replace("_", "-")] = value
        if in_thread:
            answer["In-Reply-To"] = received["Message-ID"]
            answer["References"] = f"{received['References'] or ''} {received['Message-ID']}".strip()
        office.send(answer, ANNA)

    return respond


@pytest.mark.rule("E10")
@pytest.mark.rule("E18")
def test_an_out_of_office_answer_that_says_so_is_not_answered(everyday: House, office: PostOffice) -> None:
    respond = responds(office, in_thread=True, Auto_Submitted="auto-replied (vacation)")
    with Correspondent(office, ANNA, respond) as away:
        office.send(mail(), ANNA)
        wait_until(lambda: rules(everyday) == ["E10"], 90)
        wait_until(lambda: (away.seen, sent(everyday)) == (1, 1))
        comes_to_rest(lambda: (away.seen, sent(everyday)))
    assert (away.seen, sent(everyday)) == (1, 1)


@pytest.mark.rule("E18")
def test_a_responder_that_hides_what_it_is_is_answered_three_times_in_a_thread_and_told_once(
    everyday: House, office: PostOffice
) -> None:
    answered = 1 + MOST.thread_run + 1
    with Correspondent(office, ANNA, responds(office, in_thread=True)) as away:
        office.send(mail(), ANNA)
        wait_until(lambda: "E18" in rules(everyday), 120)
        wait_until(lambda: sent(everyday) == away.seen == answered, 60)
        comes_to_rest(lambda: (away.seen, sent(everyday)))
    assert sent(everyday) == away.seen == answered, "the question, three alike, and one notice"


@pytest.mark.rule("E18")
@pytest.mark.parametrize("fresh_words", [False, True])
def test_a_responder_that_begins_a_thread_each_time_is_stopped_by_the_hour(
    everyday: House, office: PostOffice, fresh_words: bool
) -> None:
    respond = responds(office, in_thread=False, fresh_words=fresh_words)
    with Correspondent(office, ANNA, respond) as away:
        office.send(mail(), ANNA)
        wait_until(lambda: rules(everyday) == ["E18", "E18"], 400)
        wait_until(lambda: sent(everyday) == MOST.sender_hour + 1)
        comes_to_rest(lambda: (away.seen, sent(everyday)))
    assert sent(everyday) == MOST.sender_hour + 1, "ten answers and one notice"
    assert rules(everyday) == ["E18", "E18"], "the tenth answer's answer, and the notice's"


@pytest.fixture
def other(everyday: House, office: PostOffice, tmp_path: Path) -> Iterator[House]:
    """Another Nisse at another mailbox; each house takes the other's address for a member."""
    home = tmp_path / "other"
    home.mkdir()
    house = House(home)
    house.room.people.claim("The other Nisse", [("mail", NISSE)], "password of nisse")
    house.environment.update(
        {key: value for key, value in everyday.environment.items() if key.startswith("NISSE_MAIL_")}
        | {"NISSE_MAIL_ADDRESS": OTHER, "NISSE_MAIL_PASSWORD": office.account("bert").password}
    )
    with office.imap(OTHER) as client:
        client.select_folder("INBOX")
        client.delete_messages(client.search("ALL"))
        client.expunge()
    start(house)
    with Answering(house):
        yield house
    house.end()


@pytest.mark.rule("E10")
@pytest.mark.rule("E16")
def test_two_houses_that_are_told_to_mail_each_other_stop_after_one_answer(
    everyday: House, other: House, office: PostOffice
) -> None:
    office.send(mail(sender=OTHER, text="Ask me how the weather is."), OTHER)
    wait_until(lambda: rules(other) == ["E10"], 90)
    wait_until(lambda: sent(everyday) == 1)
    comes_to_rest(lambda: (sent(everyday), sent(other), rules(everyday), rules(other)))
    assert (sent(everyday), sent(other)) == (1, 0)


def takes_marks_off(office: PostOffice, by: str, to: str) -> Callable[[EmailMessage], None]:
    """A gateway that passes a house's answers on to a mailbox as new mails, signed and without a mark of what they are."""

    def react(answer: EmailMessage) -> None:
        if answer["Auto-Submitted"] and by in answer["From"]:
            raw = MARKS.sub(b"", answer.as_bytes(policy=policy.SMTP))
            office.send(b"Message-ID: <%d@nisse.test>\r\n" % time.monotonic_ns() + raw, by, to)

    return react


@pytest.mark.rule("E16")
@pytest.mark.rule("E18")
def test_two_houses_stop_even_if_a_gateway_takes_every_mark_off_their_mails(
    everyday: House, other: House, office: PostOffice
) -> None:
    with (
        Correspondent(office, OTHER, takes_marks_off(office, NISSE, OTHER)),
        Correspondent(office, NISSE, takes_marks_off(office, OTHER, NISSE)),
    ):
        office.send(mail(sender=OTHER, text="Ask me how the weather is."), OTHER)
        wait_until(lambda: "E18" in rules(everyday) and "E18" in rules(other), 400)
        comes_to_rest(lambda: (sent(everyday), sent(other)), quiet=8)
    assert sent(everyday) > 1, "the marks were taken off"
    assert max(sent(everyday), sent(other)) <= MOST.sender_hour + 1


@pytest.mark.rule("E13")
@pytest.mark.rule("E15")
def test_a_mailing_list_hears_nothing_whether_it_says_what_it_is_or_not(
    everyday: House, office: PostOffice
) -> None:
    proper = mail(1, List_Id="<family.nisse.test>", Precedence="list", Sender="family-bounces@nisse.test")
    silent = mail(2)
    del silent["To"]
    silent["To"] = "family@nisse.test"
    office.send(proper, "family-bounces@nisse.test")
    office.wait_for(NISSE, 1)
    office.send(silent, "family@nisse.test")
    wait_until(lambda: len(rules(everyday)) == 2, 60)
    assert rules(everyday) == ["E11", "E15"], "of a list's three signs the lowest rule is told"
    assert sent(everyday) == 0


@pytest.mark.timeout(900)
@pytest.mark.rule("E12")
@pytest.mark.rule("E52")
def test_a_storm_of_a_thousand_real_bounces_is_answered_by_nothing_and_keeps_nobody_waiting_for_ever(
    everyday: House, office: PostOffice
) -> None:
    with smtplib.SMTP(office.host, office.plain_port, timeout=60) as client:
        for number in range(
            1_000
        ):  # a forger wrote in the house's name; what cannot be delivered comes back here
            forged = (
                f"From: {NISSE}\r\nTo: moved@nisse.test\r\nMessage-ID: <{number}@forged.test>\r\n\r\nx\r\n"
            )
            client.sendmail(NISSE, ["moved@nisse.test"], forged)
    bounces = office.wait_for(NISSE, 1_000, seconds=400)
    assert len(bounces) == 1_000
    assert {bounce.get_content_type() for bounce in bounces} == {"multipart/report"}
    office.send(mail(text="And a person?"), ANNA)
    wait_until(lambda: sent(everyday) == 1, 300)
    refused = rules(everyday)
    (storm,) = everyday.room.desk.timeline.storms()
    assert len(refused) + storm["count"] == 1_000
    assert len(refused) == 50
    assert len(office.wait_for(ANNA, 1)) == 1
    assert everyday.room.desk.bounces.silenced() == []
    size = sum(file.stat().st_size for file in everyday.home.glob("conversation.db*"))
    assert size < 5_000_000


@pytest.mark.rule("E57")
def test_an_answer_that_comes_back_is_marked_and_after_two_nothing_is_written_there(
    everyday: House, office: PostOffice
) -> None:
    everyday.room.people.add("Moved", "member", [("mail", "moved@nisse.test")])
    timeline = everyday.room.desk.timeline

    def returned() -> int:
        shown = timeline.messages("", everybody=True, before=0, limit=100)
        return sum(bool(row["returned"]) for row in shown)

    for number in range(2):
        office.send(mail(number, sender="moved@nisse.test", text=f"Question {number}?"), "moved@nisse.test")
        wait_until(lambda count=number + 1: returned() == count, 90)  # type: ignore[misc]
    office.send(mail(3, sender="moved@nisse.test", text="And now?"), "moved@nisse.test")
    wait_until(lambda: "E57" in rules(everyday), 60)
    wait_until(lambda: sent(everyday) == 2)
    assert everyday.room.desk.bounces.silenced()[0]["address"] == "moved@nisse.test"
    assert "5.4.4" in str(everyday.room.desk.bounces.silenced()[0]["said"])
