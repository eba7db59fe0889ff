"""One line in, one line out, for those who may ask: over a real socket."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.errors import RequestError
from provisioning.privileged import listening

Asked = list[Any]


@pytest.fixture
def asked() -> Asked:
    """What reached the verbs."""
    return []


def serving(path: Path, asked: Asked, allowed: dict[int, str]) -> Iterator[Path]:
    def reply(question: Any, user: str) -> dict[str, Any]:
        asked.append(question)
        return {"ok": True, "echo": question, "user": user}

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        ending = threading.Event()
        thread = threading.Thread(
            target=listening.serve,
            args=(listener, reply, allowed),
            kwargs={"busy": lambda: not ending.is_set(), "idle": 0},
        )
        thread.start()
        yield path
        ending.set()
        thread.join(timeout=10)
        assert not thread.is_alive()


@pytest.fixture
def open_to_us(short_path: Path, asked: Asked) -> Iterator[Path]:
    """A socket at which this test may ask."""
    yield from serving(short_path / f"{os.urandom(4).hex()}.sock", asked, {os.geteuid(): "we"})


@pytest.fixture
def closed_to_us(short_path: Path, asked: Asked) -> Iterator[Path]:
    """A socket at which only somebody else may."""
    yield from serving(short_path / f"{os.urandom(4).hex()}.sock", asked, {os.geteuid() + 1: "others"})


def say(path: Path, raw: bytes) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(path))
        with contextlib.suppress(BrokenPipeError):  # whoever may not ask has had the answer already
            connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            return dict(json.loads(answer.readline()))


def test_a_question_is_answered(open_to_us: Path, asked: Asked) -> None:
    said = say(open_to_us, b'{"verb": "reboot"}\n')
    assert said["ok"]
    assert said["user"] == "we", "whoever answers is told who asks"
    assert asked == [{"verb": "reboot"}]


def test_a_stranger_is_turned_away_before_anything_is_read(closed_to_us: Path, asked: Asked) -> None:
    assert say(closed_to_us, b'{"verb": "reboot"}\n')["error"]["code"] == "forbidden"
    assert not asked


@pytest.mark.parametrize(
    "raw", [b"", b"reboot\n", b'{"verb": "reboot"}', b"[" * 5000 + b"\n", b"x" * 9000 + b"\n", b"\xff\n"]
)
def test_what_is_no_line_of_json_is_refused_and_the_next_is_heard(
    open_to_us: Path, asked: Asked, raw: bytes
) -> None:
    assert "error" in say(open_to_us, raw)
    assert not asked
    assert say(open_to_us, b"{}\n")["ok"]


def test_without_systemd_it_says_who_should_start_it() -> None:
    with pytest.raises(RequestError, match="handed over"):
        listening.given_socket({}, os.getpid())
