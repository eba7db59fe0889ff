"""How the soak test's clients behave: they send a request and read, or hang up somewhere on the way.

Owns: the sockets, and reading an answer whole or as a stream.
Does not know: what is asked, or what a right answer is.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from tests.brain.soaking.wishes import Wish

_PATIENCE_S = 240.0
_AGAIN = 30  # times that a client comes back after 503
_WAIT_S = 0.3


@dataclass
class Outcome:
    """What a client got."""

    status: int = 0  # 0: it hung up, or nothing came
    kind: str = ""  # content type
    body: bytes = b""
    refusals: list[tuple[str, bytes]] = field(default_factory=list)  # of 503: Retry-After and body
    trouble: str = ""  # of the connection

    @property
    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: It is none.
        """
        return json.loads(self.body)

    def events(self) -> list[str]:
        """The data of a stream's events."""
        lines = self.body.decode().split("\n")
        return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]


def conduct(port: int, wish: Wish, chance: random.Random) -> Outcome:
    """One client, from beginning to end. One that is refused because the model is busy or away comes again."""
    if wish.hang_up:
        return _hang_up(port, wish, chance)
    outcome = Outcome()
    for _ in range(_AGAIN):
        ask(port, wish, outcome)
        if outcome.status != 503:
            break
        outcome.refusals.append((outcome.kind, outcome.body))
        time.sleep(_WAIT_S)
    return outcome


def ask(port: int, wish: Wish, outcome: Outcome) -> None:
    """Sends one request and notes what comes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    try:
        with contextlib.suppress(BrokenPipeError):  # it did not want to hear all of it, but has answered
            connection.request(wish.method, wish.path, wish.body or None, wish.headers)
        response = connection.getresponse()
        outcome.status, outcome.kind = response.status, response.headers.get_content_type()
        outcome.body = response.read()
        if response.status == 503 and not response.headers.get("Retry-After", "").isdigit():
            outcome.trouble = "503 without Retry-After"
    except (OSError, http.client.HTTPException) as failed:
        outcome.trouble = f"{type(failed).__name__}: {failed}"
    finally:
        connection.close()


def _hang_up(port: int, wish: Wish, chance: random.Random) -> Outcome:
    head = "".join(f"{name}: {value}\r\n" for name, value in wish.headers.items())
    begin = f"{wish.method} {wish.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}Content-Length: {len(wish.body)}\r\n\r\n"
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=30) as connection,
    ):
        if wish.hang_up == "before":
            connection.sendall(begin.encode()[: chance.randint(0, len(begin))])
        elif wish.hang_up == "within":
            connection.sendall(begin.encode() + wish.body[: chance.randint(0, len(wish.body) - 1)])
        else:
            connection.sendall(begin.encode() + wish.body)
            if wish.hang_up == "waiting":
                time.sleep(chance.random() * 0.2)
            else:
                connection.recv(1)
                time.sleep(chance.random() * 1.0)
        if chance.random() < 0.5:  # with a reset instead of a farewell
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return Outcome()
