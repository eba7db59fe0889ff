"""Inbox and outbox: every arrow of rule 1, and what a crash at each leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from agent.conversation.history import History
from agent.conversation.inbox import Inbox
from agent.conversation.outbox import Outbox
from agent.conversation.people import People
from agent.conversation.schema import migrations
from agent.errors import ConflictError, NotFoundError
from agent.message import VERIFIED, Attachment, Message
from agent.store import Store


class Box:
    """The databases of one house, which can lose power."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open()
        self.people.claim(
            "Anna", [("mail", "anna@example.org"), ("console", "anna")], "correct horse battery"
        )

    def open(self) -> None:
        self.store = Store(self.folder / "conversation.db", migrations)
        self.people = People(self.store)
        self.inbox, self.outbox = Inbox(self.store, self.people), Outbox(self.store)
        self.history = History(self.store)

    def lose_power(self) -> None:
        self.store.close()
        self.open()
        self.inbox.recover()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    box.store.close()


def mail(number: int = 1, **changes: object) -> Message:
    fields = {
        "channel": "mail",
        "address_kind": "mail",
        "native_id": f"<{number}@x>",
        "sender": "anna@example.org",
        "text": "Hello",
        "level": VERIFIED,
    }
    return Message(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.rule("E60")
def test_a_message_posted_twice_is_one_message(box: Box) -> None:
    assert box.inbox.receive(mail()) == "received"
    assert box.inbox.receive(mail()) == "received"
    assert box.inbox.counts() == {"received": 1}


@pytest.mark.rule("E60")
def test_a_claimed_message_is_claimed_again_after_a_crash(box: Box) -> None:
    box.inbox.receive(mail())
    assert box.inbox.claim(interactive_only=False)
    assert box.inbox.claim(interactive_only=False) is None
    box.lose_power()
    assert box.inbox.claim(interactive_only=False)


def test_a_message_that_cannot_be_read_back_does_not_stay_claimed(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.inbox.receive(mail())
    with monkeypatch.context() as broken:
        broken.setattr(Inbox, "find", create_autospec(Inbox.find, side_effect=ValueError("torn")))
        with pytest.raises(ValueError, match="torn"):
            box.inbox.claim(interactive_only=False)
    assert box.inbox.counts() == {"received": 1}
    assert box.inbox.claim(interactive_only=False) is None  # others go first for a while


@pytest.mark.rule("E60")
def test_a_reply_keeps_its_text_and_outgoing_id_through_a_crash(box: Box) -> None:
    box.inbox.receive(mail())
    claimed = box.inbox.claim(interactive_only=False)
    assert claimed
    reply = box.outbox.answer(claimed, "Hello, Anna.", (), remember=True)
    box.lose_power()
    assert box.outbox.waiting("mail", 0) == [reply]
    assert box.inbox.claim(interactive_only=False) is None


@pytest.mark.rule("E60")
def test_a_reply_in_sending_is_offered_again_as_such_after_a_crash(box: Box) -> None:
    answered(box)
    reply = box.outbox.waiting("mail", 0)[0]
    box.outbox.step(reply.id, "sending")
    box.lose_power()
    again = box.outbox.waiting("mail", 0)[0]
    assert (again.state, again.outgoing_id) == ("sending", reply.outgoing_id)
    box.outbox.step(reply.id, "sent")
    box.lose_power()
    assert box.outbox.waiting("mail", 0) == []


@pytest.mark.rule("E60")
def test_steps_out_of_order_are_refused_and_repeats_are_harmless(box: Box) -> None:
    answered(box)
    reply = box.outbox.waiting("mail", 0)[0]
    with pytest.raises(ConflictError):
        box.outbox.step(reply.id, "sent")
    box.outbox.step(reply.id, "sending")
    box.outbox.step(reply.id, "sending")
    box.outbox.step(reply.id, "sent")
    box.outbox.step(reply.id, "sent")
    for state in ("sending", "answered", "failed"):
        with pytest.raises(ConflictError):
            box.outbox.step(reply.id, state)
    with pytest.raises(NotFoundError):
        box.outbox.step("nothing", "sending")


@pytest.mark.rule("E60")
def test_a_message_cannot_be_answered_twice(box: Box) -> None:
    box.inbox.receive(mail())
    claimed = box.inbox.claim(interactive_only=False)
    assert claimed
    box.outbox.answer(claimed, "one", (), remember=False)
    with pytest.raises(ConflictError):
        box.outbox.answer(claimed, "two", (), remember=False)
    assert [reply.text for reply in box.outbox.waiting("mail", 0)] == ["one"]


def test_a_retry_waits_its_time(box: Box) -> None:
    answered(box)
    reply = box.outbox.waiting("mail", 0)[0]
    box.outbox.step(reply.id, "sending")
    box.outbox.step(reply.id, "answered", reason="451 later", after=60)
    assert box.outbox.waiting("mail", 0) == []


def test_who_sits_there_and_waits_goes_first(box: Box) -> None:
    box.inbox.receive(mail(1))
    box.inbox.receive(Message(channel="console", native_id="c", sender="anna", text="Quick?", level=VERIFIED))
    first = box.inbox.claim(interactive_only=False)
    assert first
    assert first.message.channel == "console"


def test_a_threads_messages_are_answered_in_their_order(box: Box) -> None:
    box.inbox.receive(mail(1))
    box.inbox.receive(mail(2, thread="<1@x>"))
    box.inbox.receive(mail(3))
    claimed = [box.inbox.claim(interactive_only=False) for _ in range(3)]
    assert [row.message.native_id for row in claimed if row] == ["<1@x>", "<3@x>"]
    assert claimed[0]
    box.outbox.answer(claimed[0], "first", (), remember=False)
    second = box.inbox.claim(interactive_only=False)
    assert second
    assert [exchange.answer for exchange in box.history.thread(second.message)] == ["first"]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (mail(sender="stranger@example.org"), "nobody"),
        (mail(automatic="Auto-Submitted: auto-replied"), "machine"),
        (mail(text=" "), "empty"),
    ],
)
def test_what_is_not_answered_is_noted_with_its_reason(box: Box, message: Message, reason: str) -> None:
    assert box.inbox.receive(message) == "refused"
    received = box.inbox.find(message.id)
    assert reason in received.reason
    assert received.message.text == ""
    assert box.inbox.claim(interactive_only=False) is None


def test_while_the_brain_is_away_what_does_not_need_it_goes_ahead(box: Box) -> None:
    box.inbox.receive(mail(1, text="When is the hedge cut?"))
    box.inbox.receive(mail(2, text="status", thread="<1@x>"))
    claimed = box.inbox.claim(interactive_only=False, brain=False)
    assert claimed
    assert claimed.message.text == "status"
    assert box.inbox.claim(interactive_only=False, brain=False) is None


def test_an_answer_to_somebody_who_left_meanwhile_is_dropped(box: Box) -> None:
    bert = box.people.add("Bert", "member", [("mail", "bert@example.org")])
    box.inbox.receive(mail(sender="bert@example.org"))
    claimed = box.inbox.claim(interactive_only=False)
    assert claimed
    box.people.remove(bert.id)
    box.inbox.turn_away(bert.id)
    with pytest.raises(ConflictError):
        box.outbox.answer(claimed, "Hello", (), remember=False)


def test_attachments_stay_until_the_answer_is_fixed(box: Box) -> None:
    box.inbox.receive(mail(attachments=(Attachment(name="a.txt", data=b"abc"),)))
    box.lose_power()
    claimed = box.inbox.claim(interactive_only=False)
    assert claimed
    assert claimed.message.attachments[0].data == b"abc"
    box.outbox.answer(claimed, "kept", (), remember=False)
    assert box.inbox.find(claimed.message.id).message.attachments == ()


def test_who_leaves_is_not_answered_any_more_and_will_be_forgotten(box: Box) -> None:
    bert = box.people.add("Bert", "member", [("mail", "bert@example.org")])
    message = mail(sender="bert@example.org")
    box.inbox.receive(message)
    box.people.remove(bert.id)
    box.inbox.turn_away(bert.id)
    assert box.inbox.find(message.id).state == "refused"
    box.lose_power()
    assert box.people.departed() == [bert.id]
    box.people.forgotten(bert.id)
    assert box.people.departed() == []


@pytest.mark.rule("E60")
def test_two_processes_cannot_share_a_house(box: Box) -> None:
    with pytest.raises(ConflictError):
        Store(box.folder / "conversation.db", migrations)


def answered(box: Box) -> None:
    box.inbox.receive(mail())
    claimed = box.inbox.claim(interactive_only=False)
    assert claimed
    box.outbox.answer(claimed, "Hello, Anna.", (), remember=True)
