"""Notes that the answer will take long: who gets one, when, with which words, and never a second one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest

from agent.conversation import notes
from agent.conversation.inbox import Inbox, Received
from agent.conversation.notes import Notes
from agent.conversation.outbox import Outbox
from agent.conversation.people import People
from agent.conversation.schema import migrations
from agent.conversation.thinking import Thinking
from agent.errors import ConflictError
from agent.message import VERIFIED, Message
from agent.store import Store

SLOW: dict[str, Any] = {
    "ready": True,
    "queue": {"seconds": 30.0},
    "engine": {"reading_speed": 10.0, "step_seconds": 0.5},
}
QUICK: dict[str, Any] = {
    "ready": True,
    "queue": {"seconds": 0.1},
    "engine": {"reading_speed": 500.0, "step_seconds": 0.02},
}
AFTER = 600.0


class Box:
    """A house with Anna and Bert, whose brain says of itself what the test wants."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.thinking = create_autospec(Thinking, instance=True)
        self.open()
        self.people.claim("Anna", [("mail", "anna@example.org")], "correct horse battery")
        self.people.add("Bert", "member", [("mail", "bert@example.org")])

    def open(self) -> None:
        self.store = Store(self.folder / "conversation.db", migrations)
        self.people = People(self.store)
        self.inbox, self.outbox = Inbox(self.store, self.people), Outbox(self.store)
        self.notes = Notes(self.store, self.outbox, self.thinking, after=AFTER, longest_answer=700)

    def lose_power(self) -> None:
        self.store.close()
        self.open()
        self.inbox.recover()

    def look(self, info: dict[str, Any], *, later: float = 0.0) -> int:
        self.thinking.brain_info.return_value = info
        return self.notes.write_due(time.time() + later)

    def claim(self) -> Received:
        claimed = self.inbox.claim(interactive_only=False)
        assert claimed
        return claimed


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    box.store.close()


def mail(number: int = 1, sender: str = "anna@example.org", **changes: Any) -> Message:
    fields: dict[str, Any] = {
        "channel": "mail",
        "address_kind": "mail",
        "native_id": f"<{number}@x>",
        "sender": sender,
        "text": "When is the hedge cut?",
        "level": VERIFIED,
    }
    return Message(**{**fields, **changes})


def test_a_quick_brain_needs_no_note(box: Box) -> None:
    box.inbox.receive(mail())
    assert box.look(QUICK) == 0
    assert box.outbox.waiting("mail", 0) == []


def test_who_will_wait_long_by_the_brains_own_estimate_is_told_at_once(box: Box) -> None:
    for number in range(3):
        box.inbox.receive(mail(number, sender=("anna@example.org", "bert@example.org")[number % 2]))
    assert box.look(SLOW) == 2
    first, second = box.outbox.waiting("mail", 0)
    assert (first.recipient, second.recipient) == ("bert@example.org", "anna@example.org")
    assert first.is_note
    assert "I expect to send it by" in first.text


def test_nobody_is_told_twice_of_one_mail_nor_of_a_second_while_the_first_waits(box: Box) -> None:
    box.inbox.receive(mail(1))
    box.inbox.receive(mail(2))
    assert box.look({}, later=AFTER + 1) == 1
    assert box.look({}, later=AFTER + 60) == 0
    (note,) = box.outbox.waiting("mail", 0)
    assert box.outbox.note(box.inbox.find(note.message_id).message, "anna", "again") is None


def test_a_brain_that_is_away_is_waited_for_before_anybody_is_told(box: Box) -> None:
    box.inbox.receive(mail())
    assert box.look({}) == 0
    assert box.look({"ready": False}, later=AFTER + 1) == 1
    assert "not running" in box.outbox.waiting("mail", 0)[0].text


def test_an_answer_that_is_nearly_there_needs_no_note_however_long_it_took(box: Box) -> None:
    box.inbox.receive(mail())
    assert box.look(QUICK, later=AFTER * 2) == 0


def test_who_sits_at_a_screen_and_who_asks_for_help_get_none(box: Box) -> None:
    box.inbox.receive(mail(1, text="help"))
    box.inbox.receive(mail(2, channel="portal"))
    assert box.look({}, later=AFTER + 1) == 0


def test_a_note_goes_only_to_the_return_path(box: Box) -> None:
    box.inbox.receive(mail(1, envelope={"return_path": "bounces@example.net"}))
    assert box.look({}, later=AFTER + 1) == 0
    box.inbox.receive(mail(2, envelope={"return_path": "Anna@Example.org"}))
    assert box.look({}, later=AFTER + 1) == 1


@pytest.mark.rule("E60")
def test_a_note_goes_the_way_of_a_reply_through_every_crash_and_leaves_the_answer_alone(box: Box) -> None:
    box.inbox.receive(mail())
    box.look({}, later=AFTER + 1)
    (note,) = box.outbox.waiting("mail", 0)
    box.lose_power()
    assert box.outbox.waiting("mail", 0) == [note]
    box.outbox.step(note.id, "sending")
    box.lose_power()
    (again,) = box.outbox.waiting("mail", 0)
    assert (again.state, again.outgoing_id) == ("sending", note.outgoing_id)
    box.outbox.step(note.id, "sent")
    box.lose_power()
    assert box.outbox.waiting("mail", 0) == []
    assert box.look({}, later=AFTER + 1) == 0
    answer = box.outbox.answer(box.claim(), "On Monday.", (), remember=False)
    assert answer.outgoing_id != note.outgoing_id
    assert [reply.text for reply in box.outbox.waiting("mail", 0)] == ["On Monday."]


@pytest.mark.rule("E60")
def test_an_answer_that_is_quicker_than_its_note_takes_the_notes_place(box: Box) -> None:
    box.inbox.receive(mail())
    box.look({}, later=AFTER + 1)
    (note,) = box.outbox.waiting("mail", 0)
    box.outbox.answer(box.claim(), "On Monday.", (), remember=False)
    assert [reply.text for reply in box.outbox.waiting("mail", 0)] == ["On Monday."]
    with pytest.raises(ConflictError):
        box.outbox.step(note.id, "sending")


def test_who_leaves_the_household_gets_no_note_any_more(box: Box) -> None:
    bert = next(person for person in box.people.everybody() if person.name == "Bert")
    box.inbox.receive(mail(sender="bert@example.org"))
    box.look({}, later=AFTER + 1)
    box.people.remove(bert.id)
    box.inbox.turn_away(bert.id)
    assert box.outbox.waiting("mail", 0) == []


def test_the_promise_counts_everybody_who_comes_before() -> None:
    alone = notes.expected(SLOW, ahead=0, longest_answer=700)
    behind = notes.expected(SLOW, ahead=4, longest_answer=700)
    assert alone == 30 + 150 + 350
    assert behind == 30 + 5 * 500
    assert notes.expected({"ready": True}, ahead=3, longest_answer=700) == 0


def test_the_promised_time_is_rounded_up_and_names_the_day_if_it_is_another() -> None:
    noon = time.mktime((2026, 11, 21, 12, 1, 0, 0, 0, -1))
    assert "by 12:25." in notes.words(noon, 21 * 60.0)
    assert "by 00:10 on Sunday, 22 November." in notes.words(noon, 12 * 3600 + 420.0)
