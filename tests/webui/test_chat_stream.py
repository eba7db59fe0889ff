"""The answer on its way to the browser: tabs that close, and a disk that takes nothing more."""

from __future__ import annotations

import secrets
import threading

import pytest

from agent.conversation import service as conversation
from webui.portal import portal

from .conftest import Browser, Household


def asks(browser: Browser) -> str:
    answer = browser.post_json("/chat", {"id": secrets.token_hex(16), "text": "Where is the boat?"}).json
    assert answer
    return str(answer["id"])


def test_a_closed_tab_gives_its_stream_back(
    household: Household, anna: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "_SIGN_OF_LIFE_S", 0.1)
    message, gone = asks(anna), threading.Event()
    answer = anna.client.get(
        f"/chat/{message}/events",
        base_url=anna.base,
        environ_overrides={"waitress.client_disconnected": gone.is_set},
    )
    late = threading.Timer(30, household.room.streams.piece, (message, "late"))
    late.daemon = True  # an assertion that fails waits for nothing
    late.start()
    pieces = iter(answer.response)
    assert [next(pieces), next(pieces), next(pieces)] == [b": begun\n\n", *[b": still here\n\n"] * 2]
    with household.app.app_context():
        streams = portal().streams
    free = streams._value
    gone.set()
    assert list(pieces) == []
    answer.close()
    late.cancel()
    assert streams._value == free + 1


def test_an_answer_is_shown_though_the_disk_takes_nothing_more(household: Household, anna: Browser) -> None:
    message, room = asks(anna), household.room
    claimed = room.inbox.claim(interactive_only=True)
    assert claimed
    room.outbox.answer(claimed, "It lies at the jetty.", (), remember=False)
    with room.store.reading() as db:
        db.conn.execute("PRAGMA query_only = ON")
    stream = anna.get(f"/chat/{message}/events").text
    assert "It lies at the jetty." in stream
    assert "problem" not in stream
    assert "It lies at the jetty." in anna.get("/chat/history").text
    with room.store.reading() as db:
        db.conn.execute("PRAGMA query_only = OFF")
    anna.get("/chat/history")
    kept = room.outbox.find(message)
    assert kept
    assert kept.state == "sent"
