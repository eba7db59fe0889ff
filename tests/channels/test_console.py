"""The console channel, as the process that a person starts."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
import threading

from agent.message import Reply
from tests.live.house_at_work import CHECKOUT, House, wait_until


def start(house: House, *words: str, terminal: int | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "agent", *words],
        cwd=CHECKOUT,
        env={**os.environ, **house.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if terminal is None else terminal,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(house: House, *pieces: str, last: str = "") -> Reply:
    """Answers the next message piece by piece, as the worker would."""
    house.wait_for_messages(1)
    (message,) = house.messages()
    house.room.streams.begin(message.id)
    for piece in pieces:
        house.room.streams.piece(message.id, piece)
    reply = house.answer("".join(pieces) + last)
    house.room.streams.finish(message.id)
    return reply


def rest(terminal: int) -> bytes:
    """What is still to be read; a terminal that nobody writes to any more ends in an error."""
    pieces = []
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 1000):
            pieces.append(piece)
    return b"".join(pieces)


def test_a_question_is_answered_and_its_reply_is_sent(house: House) -> None:
    process = start(house, "ask", "When is", "the bin emptied?")
    reply = answer(house, "On ", "Monday.", last="\n\nFrom: the plan")
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "On Monday.\n\nFrom: the plan\n")
    assert house.state(reply) == "sent"
    assert house.messages("answered")[0].text == "When is the bin emptied?"


def test_lines_from_a_pipe_are_answered_one_after_the_other(house: House) -> None:
    process = start(house, "console")
    threading.Thread(target=lambda: (answer(house, "one"), answer(house, "two")), daemon=True).start()
    out, _ = process.communicate("first\n\nsecond\n", timeout=30)
    assert out == "one\ntwo\n"
    assert [message.text for message in house.messages("answered")] == ["first", "second"]


def test_the_same_words_twice_are_two_messages(house: House) -> None:
    for _ in range(2):
        process = start(house, "ask", "again?")
        answer(house, "yes")
        process.communicate(timeout=30)
    assert len(house.messages("answered")) == 2


def test_at_a_terminal_the_answer_shows_while_it_is_written(house: House) -> None:
    ours, theirs = pty.openpty()
    process = start(house, "ask", "hello", terminal=theirs)
    os.close(theirs)
    house.wait_for_messages(1)
    (message,) = house.messages()
    house.room.streams.begin(message.id)
    house.room.streams.piece(message.id, "Half an ")
    seen = b""
    while b"Half an" not in seen:
        seen += os.read(ours, 1000)
    assert house.messages("answered") == []
    house.room.streams.piece(message.id, "answer")
    house.answer("Half an answer.")
    house.room.streams.finish(message.id)
    process.wait(timeout=30)
    seen += rest(ours)
    assert seen.replace(b"\r\n", b"\n") == b"Half an answer.\n"
    process.communicate()
    os.close(ours)


def test_who_is_not_known_is_told_how_to_be_let_in(house: House) -> None:
    with house.room.store.transaction() as db:
        db.conn.execute("DELETE FROM addresses WHERE kind = 'console'")
    process = start(house, "ask", "hello")
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "nisse people --add" in out


def test_an_answer_from_before_is_shown_at_the_next_start(house: House) -> None:
    process = start(house, "ask", "hello")
    house.wait_for_messages(1)
    process.kill()
    process.communicate()
    reply = house.answer("late")
    out, _ = start(house, "console").communicate("", timeout=30)
    assert out == "(from before)\nlate\n"
    wait_until(lambda: house.state(reply) == "sent")
