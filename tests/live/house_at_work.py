"""The real conversation on a real socket, answered by the test in place of the brain, and channels as the processes that they are.

Owns: starting and ending both.
Does not know: any channel.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from agent import settings
from agent.conversation.service import Room, create_app, furnish
from agent.message import Message, Reply
from agent.settings import Settings
from tests.live.ports import free_port
from tests.live.served import Served

CHECKOUT = Path(__file__).parent.parent.parent


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Returns as soon as the condition holds; fails when the time is up."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def wait_for_port(port: int) -> None:
    """Returns as soon as somebody listens there."""

    def answers() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    wait_until(answers)


class House:
    """Conversation, and the processes of its channels."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.environment = {
            "NISSE_HOME": str(home),
            "NISSE_CONVERSATION_URL": f"http://127.0.0.1:{self.port}",
            "NISSE_MAIL_GRACE": "2",
            "NISSE_MAIL_RETRY": "1",
            "NISSE_DOOR_RETRY": "1",
        }
        self.room: Room = furnish(self.settings)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._served: Served | None = None
        self.open()

    @property
    def settings(self) -> Settings:
        """The values that the processes have."""
        return settings.load(self.environment)

    def open(self) -> None:
        """Begins to answer at the port."""
        app = create_app(self.settings, self.room)
        self._served = Served(app, self.port)
        self._served.__enter__()

    def shut(self) -> None:
        """Answers nobody until `open`."""
        if self._served is not None:
            self._served.__exit__()
            self._served = None

    def start(self, channel: str, *, log: str = "channel.log") -> subprocess.Popen[bytes]:
        """Starts a channel as the supervisor does; its log goes to a file in the home."""
        with (self.home / log).open("ab") as file:
            process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "agent", "channel", channel],
                cwd=CHECKOUT,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stderr=file,
            )
        self._processes.append(process)
        return process

    def log(self, log: str = "channel.log") -> str:
        """What the channel logged so far."""
        return (self.home / log).read_text()

    def messages(self, state: str = "received") -> list[Message]:
        """The messages in a state, oldest first, whole."""
        with self.room.store.reading() as db:
            rows = db.conn.execute("SELECT id FROM inbox WHERE state = ? ORDER BY rowid", [state]).fetchall()
        return [self.room.inbox.find(row["id"]).message for row in rows]

    def wait_for_messages(self, count: int, state: str = "received") -> list[Message]:
        """The messages in a state, as soon as there are so many."""
        wait_until(lambda: len(self.messages(state)) >= count)
        return self.messages(state)

    def answer(self, text: str) -> Reply:
        """Answers the message that is next, as the worker would."""
        received = self.room.inbox.claim(interactive_only=False)
        assert received is not None
        return self.room.outbox.answer(received, text, (), remember=False)

    def state(self, reply: Reply) -> str:
        """The state of a reply."""
        found = self.room.outbox.find(reply.id)
        assert found is not None
        return found.state

    def end(self) -> None:
        """Ends everything."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            process.wait(timeout=30)
        self.shut()
