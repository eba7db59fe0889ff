"""The wait for an absent brain."""

from __future__ import annotations

import time
from unittest.mock import create_autospec

from agent.conversation.history import History
from agent.conversation.inbox import Inbox
from agent.conversation.outbox import Outbox
from agent.conversation.people import People
from agent.conversation.streams import Streams
from agent.conversation.thinking import Thinking
from agent.conversation.worker import Worker


def test_the_wait_ends_when_the_brain_is_seen_to_be_back() -> None:
    thinking = create_autospec(Thinking, instance=True)
    worker = Worker(
        inbox=create_autospec(Inbox, instance=True),
        outbox=create_autospec(Outbox, instance=True),
        streams=create_autospec(Streams, instance=True),
        thinking=thinking,
        history=create_autospec(History, instance=True),
        people=create_autospec(People, instance=True),
    )
    worker._brain_away_until = time.monotonic() + 60
    thinking.awake.return_value = True
    assert not worker._brain_is_here(look=True)  # it answers, but refused just now: the pause holds
    thinking.awake.return_value = False
    assert not worker._brain_is_here(look=True)
    thinking.awake.return_value = True
    assert not worker._brain_is_here(look=False)
    assert worker._brain_is_here(look=True)
    assert worker._brain_is_here(look=False)
