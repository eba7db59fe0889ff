"""The console channel: a person at the box's terminal, or a line from a pipe.

Owns: one line in, its answer out, as it is being written.
Does not know: passwords. Who has a login on the box is who they are; the owner ties that user name to a person.
"""

from __future__ import annotations

import importlib
import json
import os
import pwd
import sys
import time
import uuid
from typing import Any

from agent.channels._house import House
from agent.channels._patience import Patience
from agent.errors import ConflictError, NisseError, NotFoundError, UnavailableError
from agent.message import VERIFIED, Message, Reply
from agent.settings import Settings

ADDRESS_KIND = "console"
SETTINGS: list[dict[str, Any]] = []

_PROMPT = "> "
_LONGEST_WAIT_S = 10.0
_PATIENCE_S = 60.0  # with a conversation that does not answer at all


class Channel:
    """A conversation at the terminal."""

    def __init__(self, settings: Settings) -> None:
        """Makes the channel; nothing is opened yet."""
        self._house = House(settings, "console")
        self._user = pwd.getpwuid(os.getuid()).pw_name
        self._live = sys.stdout.isatty()  # a pipe gets the finished answer only

    def run(self) -> None:
        """Answers line after line until the input ends."""
        self._catch_up()
        if sys.stdin.isatty():
            importlib.import_module("readline")  # lines can be edited and called back
            _show("Write a line and press Enter; Ctrl-D ends.\n")
        while (line := _line()) is not None:
            if not line.strip():
                continue
            try:
                self._answer(line)
            except NisseError as failed:
                _show(f"{failed}\n")

    def ask(self, text: str) -> int:
        """Asks one question and shows the answer.

        Args:
            text: The question.

        Returns:
            0 if it was answered, 1 if it was refused.

        Raises:
            NisseError: The house could not be asked.
        """
        return 0 if self._answer(text) else 1

    def _answer(self, text: str) -> bool:
        message = Message(
            channel="console",
            native_id=uuid.uuid4().hex,
            sender=self._user,
            address_kind=ADDRESS_KIND,
            text=text,
            received_at=time.time(),
            level=VERIFIED,  # by the login on the box
        )
        self._house.hand_in(message)
        patience, gave_up_at = Patience(_LONGEST_WAIT_S), time.monotonic() + _PATIENCE_S
        while True:
            try:
                outcome = self._watch(message.id)
                if outcome is not None:
                    return outcome
                gave_up_at = time.monotonic() + _PATIENCE_S
            except UnavailableError:
                if time.monotonic() > gave_up_at:
                    raise
            patience.wait()

    def _watch(self, message_id: str) -> bool | None:
        """Shows what becomes of a message; None if the stream ended before its end."""
        shown = ""
        for line in filter(None, self._house.events(message_id)):  # an empty one is a sign of life
            event = json.loads(line)
            if "piece" in event:
                shown += event["piece"]
                self._show_live(event["piece"])
            elif event.get("reset") and shown:
                self._show_live("\n(once more from the start)\n")
                shown = ""
            elif "reply" in event:
                self._finish(Reply.from_json(event["reply"]), shown if self._live else "")
                return True
            elif "refused" in event:
                _show(f"The house does not answer: {event['refused']}.\n")
                if "know" in event["refused"]:
                    _show(f"An owner can let you in: nisse people --add YOUR-NAME --console {self._user}\n")
                return False
        self._show_live("\n" if shown else "")
        return None

    def _finish(self, reply: Reply, shown: str) -> None:
        try:
            self._house.sending(reply)
        except (ConflictError, NotFoundError):
            return  # another console of the same person showed it
        rest = reply.text.removeprefix(shown.strip()) if shown.strip() else reply.text
        if shown.strip() and rest == reply.text:
            rest = f"\n\n{reply.text}"  # the finished text differs from what was shown while it was written
        _show(f"{rest}\n")
        self._house.sent(reply)

    def _catch_up(self) -> None:
        """Shows what was answered after an earlier console was closed."""
        for reply in self._house.replies(wait=0):
            if reply.recipient == self._user:
                _show("(from before)\n")
                self._finish(reply, "")

    def _show_live(self, text: str) -> None:
        if self._live:
            _show(text)


def check(settings: Settings) -> str:
    """Asks whether the house answers.

    Raises:
        UnavailableError: It does not.
    """
    House(settings, "console").replies(wait=0)
    return "The console works."


def _line() -> str | None:
    try:
        return input(_PROMPT if sys.stdin.isatty() else "")
    except EOFError:
        return None


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
