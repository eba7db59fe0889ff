"""Limits, halts, loops and storms in the inbox: traffic stops by itself, and nothing that a person wrote is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.conversation import notice
from agent.conversation.channels import Channels
from agent.conversation.desk import Desk
from agent.conversation.inbox import Inbox
from agent.conversation.outbox import Outbox
from agent.conversation.people import People
from agent.conversation.schema import migrations
from agent.errors import ConflictError, NotFoundError
from agent.message import ASSERTED, UNVERIFIED, VERIFIED, Attachment, Message
from agent.store import Store

DAY = 24 * 3600.0


class Box:
    """A house whose clock the test sets."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_795_000_000.0
        monkeypatch.setattr("time.time", lambda: self.now)
        self.store = Store(folder / "conversation.db", migrations)
        self.people = People(self.store)
        self.anna = self.people.claim("Anna", [("mail", "anna@example.org")], "correct horse battery")
        self.bert = self.people.add("Bert", "member", [("mail", "bert@example.org")])
        self.inbox, self.outbox = Inbox(self.store, self.people), Outbox(self.store)
        self.desk = Desk.on(self.store, self.people, self.inbox, Channels(), lambda: None)
        self.number = 0

    def mail(self, text: str = "", **changes: Any) -> Message:
        self.number += 1
        fields = {
            "channel": "mail", "address_kind": "mail", "native_id": f"<{self.number}@x>", "sender": "anna@example.org",
            "text": text or f"Question {self.number}", "level": VERIFIED, "envelope": {"uid": "7", "account": "nisse@x"},
        }  # fmt: skip
        return Message(**{**fields, **changes})

    def receive(self, *args: Any, **changes: Any) -> str:
        return self.inbox.receive(self.mail(*args, **changes))

    def rules(self, state: str = "refused") -> list[str]:
        with self.store.reading() as db:
            rows = db.conn.execute("SELECT rule FROM inbox WHERE state = ? ORDER BY rowid", [state])
            return [row["rule"] for row in rows]

    def shown(self, person: str = "") -> list[dict[str, Any]]:
        return self.desk.timeline.messages(person or self.anna.id, everybody=True, before=0, limit=100)

    def answer_all(self) -> list[str]:
        """The texts of what is ready to be sent, as the worker would have written it."""
        while claimed := self.inbox.claim(interactive_only=False):
            self.outbox.answer(claimed, claimed.message.problem or "Monday.", (), remember=False)
        texts = [reply.text for reply in self.outbox.waiting("mail", 0)]
        for reply in self.outbox.waiting("mail", 0):
            self.outbox.step(reply.id, "sending")
            self.outbox.step(reply.id, "sent")
        return texts


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    box = Box(tmp_path, monkeypatch)
    yield box
    box.store.close()


@pytest.mark.rule("E18")
def test_the_eleventh_mail_within_an_hour_is_held_and_its_sender_told_once(box: Box) -> None:
    assert [box.receive() for _ in range(13)] == ["received"] * 10 + ["refused"] * 3
    assert box.rules() == ["E18"] * 3
    texts = box.answer_all()
    assert len(texts) == 11
    (told,) = [text for text in texts if "more than 10" in text]
    assert "“" not in told  # no subject was given
    assert "answered after all" in told
    box.now += 3601
    assert box.receive() == "received"


@pytest.mark.rule("E18")
def test_one_persons_limit_is_not_anothers(box: Box) -> None:
    assert [box.receive() for _ in range(11)][-1] == "refused"
    assert box.receive(sender="bert@example.org") == "received"


@pytest.mark.rule("E18")
def test_forty_a_day(box: Box) -> None:
    states = []
    for number in range(41):
        box.now += 600 if number % 10 else 3000
        states.append(box.receive())
    assert states == ["received"] * 40 + ["refused"]
    box.now += DAY
    assert box.receive() == "received"


@pytest.mark.rule("E18")
def test_a_second_notice_comes_days_later_at_the_earliest(box: Box) -> None:
    for _ in range(2):
        for _ in range(12):
            box.receive()
        box.now += 3601
    assert sum("more than 10" in text for text in box.answer_all()) == 1
    box.now += notice.EVERY_S
    for _ in range(12):
        box.receive()
    assert sum("more than 10" in text for text in box.answer_all()) == 1


@pytest.mark.rule("E18")
def test_a_notice_counts_for_nothing_and_marks_no_mail_as_answered(box: Box) -> None:
    for _ in range(11):
        box.receive()
    with box.store.reading() as db:
        rows = db.conn.execute("SELECT id FROM inbox WHERE rule = 'E18' AND state = 'received'").fetchall()
    (told,) = [box.inbox.find(row["id"]).message for row in rows]
    assert told.envelope == {"account": "nisse@x"}
    assert "answered again" in told.problem
    assert [row["is_notice"] for row in box.shown()][:1] == [True]


@pytest.mark.rule("E18")
def test_the_same_words_again_and_again_in_a_thread_stop_after_three(box: Box) -> None:
    def again(text: str = "I am away.  ") -> str:
        box.now += 5
        return box.receive(text, thread="<t@x>")

    assert [again() for _ in range(5)] == ["received"] * 3 + ["refused"] * 2
    assert again("And who waters the plants?") == "received"
    assert [again(), again("i am AWAY.")] == ["received"] * 2
    assert again() == "refused"
    box.now += 601
    assert again() == "received"


@pytest.mark.rule("E18")
def test_people_who_write_something_new_each_time_are_not_stopped_in_a_thread(box: Box) -> None:
    assert {box.receive(f"And on day {day}?", thread="<t@x>") for day in range(9)} == {"received"}


@pytest.mark.rule("E18")
def test_the_whole_house_stops_for_an_hour_and_the_next_time_for_a_day(box: Box) -> None:
    people = [box.people.add(f"P{n}", "member", [("mail", f"p{n}@example.org")]) for n in range(8)]

    def flood() -> list[str]:
        return [box.receive(sender=f"p{n % len(people)}@example.org") for n in range(61)]

    assert flood() == ["received"] * 60 + ["refused"]
    assert box.desk.timeline.halted_until() == box.now + 3600
    assert box.receive() == "refused"
    box.now += 3601
    assert flood()[-1] == "refused"
    assert box.desk.timeline.halted_until() == box.now + DAY
    box.now += 2 * 3600
    assert box.receive() == "refused"
    box.desk.timeline.resume()
    assert box.desk.timeline.halted_until() == 0
    assert box.receive() == "received"


@pytest.mark.rule("E18")
def test_the_browser_and_the_terminal_are_not_counted(box: Box) -> None:
    states = {box.receive(channel="portal", address_kind="", sender=box.anna.id) for _ in range(70)}
    assert states == {"received"}
    assert box.receive() == "received"


@pytest.mark.rule("E17")
def test_strangers_hear_nothing_and_are_shown_for_approval(box: Box) -> None:
    for _ in range(3):
        assert box.receive(sender="Eve@Example.net", subject="Hello") == "refused"
    assert box.answer_all() == []
    (eve,) = box.desk.timeline.strangers()
    assert (eve["address"], eve["count"], eve["subject"]) == ("eve@example.net", 3, "Hello")
    box.people.add("Eve", "member", [("mail", "eve@example.net")])
    assert box.desk.timeline.strangers() == []
    assert box.receive(sender="eve@example.net") == "received"


@pytest.mark.rule("E17")
def test_an_ignored_stranger_is_not_shown_any_more(box: Box) -> None:
    box.receive(sender="eve@example.net")
    box.desk.timeline.ignore("EVE@example.net")
    box.receive(sender="eve@example.net")
    assert box.desk.timeline.strangers() == []


@pytest.mark.rule("E18")
def test_what_is_held_is_whole_and_can_be_answered_after_all(box: Box) -> None:
    for _ in range(10):
        box.receive()
    held = box.mail(
        "When is the bin emptied?", attachments=(Attachment(name="a.txt", data=b"abc"),), level=ASSERTED
    )
    assert box.inbox.receive(held) == "refused"
    (shown,) = [row for row in box.shown() if row["id"] == held.id]
    assert (shown["held"], shown["rule"]) == (True, "E18")
    box.desk.refused.admit(held.id, by=box.anna.id)
    admitted = box.inbox.find(held.id)
    assert admitted.state == "received"
    assert (admitted.message.text, admitted.message.level) == ("When is the bin emptied?", VERIFIED)
    assert admitted.message.attachments[0].data == b"abc"
    assert "Monday." in box.answer_all()
    with pytest.raises(ConflictError):
        box.desk.refused.admit(held.id, by=box.anna.id)
    with pytest.raises(NotFoundError):
        box.desk.refused.admit("nothing", by=box.anna.id)


@pytest.mark.rule("E18")
def test_whoever_lets_anothers_mail_be_answered_does_not_prove_it(box: Box) -> None:
    for _ in range(11):
        box.receive(sender="bert@example.org", level=ASSERTED)
    held = next(row["id"] for row in box.shown() if row["held"])
    box.desk.refused.admit(held, by=box.anna.id)
    assert box.inbox.find(held).message.level == ASSERTED


@pytest.mark.rule("E12")
def test_what_a_machine_wrote_cannot_be_answered_after_all(box: Box) -> None:
    bounce = box.mail(automatic="multipart/report", rule="E12")
    assert box.inbox.receive(bounce) == "refused"
    with pytest.raises(ConflictError):
        box.desk.refused.admit(bounce.id, by=box.anna.id)
    assert box.inbox.find(bounce.id).message.text == ""


@pytest.mark.rule("E18")
def test_only_so_much_is_held(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.conversation.refused._HELD_BYTES", 10)
    for _ in range(10):
        box.receive()
    files = (Attachment(name="a", data=b"x" * 6),)
    first, second = box.mail(attachments=files), box.mail(attachments=files)
    assert [box.inbox.receive(one) for one in (first, second)] == ["refused", "refused"]
    assert [row["held"] for row in box.shown() if row["id"] in (first.id, second.id)] == [False, True]


@pytest.mark.rule("E18")
def test_the_oldest_that_is_held_gives_way(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.conversation.refused._HELD", 2)
    for _ in range(10):
        box.receive()
    held = [box.mail("secret", attachments=(Attachment(name="a", data=b"x"),)) for _ in range(3)]
    for one in held:
        box.now += 1
        box.inbox.receive(one)
    oldest, *others = (box.inbox.find(one.id).message for one in held)
    assert (oldest.text, oldest.attachments) == ("", ())
    assert all(one.text == "secret" and one.attachments for one in others)


@pytest.mark.rule("E16")
def test_the_houses_own_mail_is_known_by_its_id_when_somebody_sends_it_back(box: Box) -> None:
    box.receive()
    claimed = box.inbox.claim(interactive_only=False)
    assert claimed
    reply = box.outbox.answer(claimed, "Monday.", (), remember=False)
    assert box.receive(native_id=f"<{reply.outgoing_id}@nisse.example>") == "refused"
    assert box.rules() == ["E16"]
    assert box.receive(native_id=f"<{'0' * 40}@nisse.example>") == "received"


@pytest.mark.rule("E12")
def test_a_storm_of_a_thousand_bounces_is_counted_and_little_of_it_is_kept(box: Box) -> None:
    for number in range(1_000):
        box.now += 1
        bounce = box.mail(
            "x" * 2_000,
            sender="mailer-daemon@example.net",
            native_id=f"<b{number}@x>",
            automatic="Return-Path",
            rule="E11",
        )
        assert box.inbox.receive(bounce) == "refused"
    assert len(box.rules()) == 50
    (storm,) = box.desk.timeline.storms()
    assert (storm["address"], storm["rule"], storm["count"]) == ("mailer-daemon@example.net", "E11", 950)
    assert box.answer_all() == []
    assert box.receive("When is the bin emptied?") == "received"
    assert sum(file.stat().st_size for file in box.store.path.parent.glob("conversation.db*")) < 3_000_000


@pytest.mark.rule("E17")
def test_of_a_thousand_strangers_the_newest_are_kept(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.conversation.refused._KEPT", 20)
    for number in range(60):
        box.now += 1
        box.receive(sender=f"s{number}@example.net")
    assert len(box.rules()) == 20
    assert box.desk.timeline.strangers()[0]["address"] == "s59@example.net"


@pytest.mark.rule("E57")
def test_an_answer_that_came_back_is_marked_and_after_two_the_address_is_left_alone(box: Box) -> None:
    for number in range(2):
        box.receive()
        claimed = box.inbox.claim(interactive_only=False)
        assert claimed
        reply = box.outbox.answer(claimed, "Monday.", (), remember=False)
        box.outbox.step(reply.id, "sending")
        box.outbox.step(reply.id, "sent")
        for _ in range(2):  # a server may say it twice
            assert box.desk.bounces.note(
                reply.outgoing_id, action="Failed", status="5.1.1", said="no such user"
            )
        assert box.shown()[0]["returned"]["said"] == "5.1.1 no such user"
        assert len(box.desk.bounces.silenced()) == number
    held = box.mail()
    assert box.inbox.receive(held) == "refused"
    assert box.rules() == ["E57"]
    with pytest.raises(ConflictError):
        box.desk.refused.admit(held.id, by=box.anna.id)
    (silenced,) = box.desk.bounces.silenced()
    assert silenced["address"] == "anna@example.org"
    box.desk.bounces.forgive("Anna@example.org")
    box.desk.refused.admit(held.id, by=box.anna.id)
    assert box.receive() == "received"
    assert box.desk.bounces.silenced() == []


@pytest.mark.rule("E57")
@pytest.mark.parametrize(
    ("action", "status", "returned"),
    [
        ("failed", "4.4.7", True),
        ("failed", "", True),
        ("delayed", "4.4.1", False),
        ("relayed", "2.0.0", False),
    ],
)
def test_what_may_still_arrive_or_is_the_servers_trouble_silences_nobody(
    box: Box, action: str, status: str, returned: bool
) -> None:
    for _ in range(3):
        box.receive()
        claimed = box.inbox.claim(interactive_only=False)
        assert claimed
        reply = box.outbox.answer(claimed, "Monday.", (), remember=False)
        assert box.desk.bounces.note(reply.outgoing_id, action=action, status=status, said="")
    assert bool(box.shown()[0]["returned"]) is returned
    assert box.receive() == "received"


@pytest.mark.rule("E57")
def test_a_report_about_a_reply_that_nobody_wrote_changes_nothing(box: Box) -> None:
    assert not box.desk.bounces.note("0" * 40, action="failed", status="5.1.1", said="forged")
    assert box.desk.bounces.silenced() == []


def test_the_owner_sees_who_wrote_but_not_about_what(box: Box) -> None:
    box.receive(sender="bert@example.org", subject="A surprise for Anna")
    box.receive(subject="My own")
    subjects = {row["sender"]: row["subject"] for row in box.shown()}
    assert subjects == {"bert@example.org": "", "anna@example.org": "My own"}
    theirs = box.desk.timeline.messages(box.bert.id, everybody=False, before=0, limit=10)
    assert [row["subject"] for row in theirs] == ["A surprise for Anna"]


def test_the_timeline_tells_each_step(box: Box) -> None:
    box.receive()
    box.now += 5
    box.answer_all()
    (row,) = box.shown()
    assert [step["kind"] for step in row["steps"]] == [
        "message.received", "message.answered", "reply.sending", "reply.sent",
    ]  # fmt: skip
    assert row["answer"]["state"] == "sent"
    assert (row["level"], row["account"]) == (VERIFIED, "nisse@x")


@pytest.mark.rule("E17")
def test_a_mail_that_nobody_vouches_for_waits_for_its_person(box: Box) -> None:
    forged = box.mail("When is the bin emptied?", level=UNVERIFIED)
    assert box.inbox.receive(forged) == "refused"
    assert box.rules() == ["E17"]
    assert box.answer_all() == []
    box.desk.refused.admit(forged.id, by=box.anna.id)
    assert box.answer_all() == ["Monday."]
