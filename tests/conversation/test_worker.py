"""The wait for an absent brain."""

from __future__ import annotations

import threading
import time
from typing import Any
from unittest.mock import create_autospec

import pytest

from agent.conversation.history import History
from agent.conversation.inbox import Inbox, Received
from agent.conversation.outbox import Outbox
from agent.conversation.people import People
from agent.conversation.streams import Streams
from agent.conversation.thinking import Thinking
from agent.conversation.worker import Worker
from agent.errors import UnavailableError
from agent.message import VERIFIED, Message, Person


def _worker(**parts: Any) -> Worker:
    kinds = {
        "inbox": Inbox,
        "outbox": Outbox,
        "streams": Streams,
        "thinking": Thinking,
        "history": History,
        "people": People,
    }
    return Worker(**{name: create_autospec(kind, instance=True) for name, kind in kinds.items()} | parts)


def _received() -> Received:
    return Received(
        message=Message(
            channel="mail", native_id="1", sender="anna@example.org", text="Why?", level=VERIFIED
        ),
        person=Person(id="a", name="Anna"),
        state="claimed",
        reason="",
        received_at=time.time(),
        thinks=True,
        attempts=0,
    )


def test_a_brain_that_is_away_for_weeks_ends_no_thread() -> None:
    worker = _worker()
    worker._brain_failures = 5_000
    assert worker._wait_for_brain(_received(), UnavailableError("It sleeps.")) == 0
    assert 55 < worker._brain_away_until - time.monotonic() <= 60


def test_whatever_breaks_the_thread_lives_on_and_the_message_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.conversation.worker._PAUSE_S", 0.01)
    inbox, outbox = create_autospec(Inbox, instance=True), create_autospec(Outbox, instance=True)
    again = threading.Event()
    received = _received()

    waiting = [received]

    def claim(**_wanted: object) -> Received | None:
        if waiting:
            return waiting.pop()
        again.set()
        return None

    inbox.claim.side_effect = claim
    inbox.release.side_effect = [ZeroDivisionError, None]
    outbox.answer.side_effect = KeyError("text")
    _worker(inbox=inbox, outbox=outbox).start(1)
    assert again.wait(5)
    assert [call.args[0] for call in inbox.release.call_args_list] == [received.message.id] * 2
    assert inbox.release.call_args.kwargs == {"broke": True}


def test_the_wait_ends_when_the_brain_is_seen_to_be_back() -> None:
    thinking = create_autospec(Thinking, instance=True)
    worker = _worker(thinking=thinking)
    worker._brain_away_until = time.monotonic() + 60
    thinking.awake.return_value = True
    assert not worker._brain_is_here(look=True)  # it answers, but refused just now: the pause holds
    thinking.awake.return_value = False
    assert not worker._brain_is_here(look=True)
    thinking.awake.return_value = True
    assert not worker._brain_is_here(look=False)
    assert worker._brain_is_here(look=True)
    assert worker._brain_is_here(look=False)
