"""A light client: one streaming chat completion, with the moment at which each piece of it came.

Owns: the request, reading the stream, counting, hanging up. The same code asks every server that is compared.
Does not know: which server it asks, or what is measured.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Messages = list[dict[str, str]]

_CONNECT_S = 10.0


class AskingError(Exception):
    """The server did not answer as it should."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, and how."""

    messages: Messages
    tokens: int  # most of the answer
    background: bool = False
    seconds: float = 120.0  # then it is broken off, and what came is what counts


@dataclass
class Answered:
    """An answer and when it came. Moments are of `time.perf_counter`."""

    sent: float = 0.0
    ended: float = 0.0
    arrivals: list[tuple[float, int]] = field(default_factory=list)  # moment, characters
    texts: list[str] = field(default_factory=list)
    usage: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.texts)

    @property
    def first_after(self) -> float:
        """Seconds to its first word."""
        return self.arrivals[0][0] - self.sent

    @property
    def tokens(self) -> int:
        """Tokens of the answer: as the server counts them, else one a piece."""
        return int(self.usage.get("completion_tokens") or len(self.arrivals))

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt, as the server counts them; 0 if it does not say."""
        return int(self.usage.get("prompt_tokens") or 0)

    @property
    def speed(self) -> float:
        """Tokens a second from its first piece to its last."""
        seconds = self.arrivals[-1][0] - self.arrivals[0][0]
        if len(self.arrivals) < 2 or seconds <= 0:
            raise AskingError(f"the answer came in {len(self.arrivals)} pieces")
        return self._tokens_after_first / seconds

    @property
    def _tokens_after_first(self) -> float:
        """A piece may be several tokens long; then their number goes by the characters."""
        if len(self.arrivals) >= self.tokens:
            return len(self.arrivals) - 1
        return self.tokens * (1 - self.arrivals[0][1] / len(self.text))


class Asking:
    """One question on its way; `run` it in a thread, and hang up from any other."""

    def __init__(self, port: int, question: Question) -> None:
        """Nothing is sent yet."""
        self.question = question
        self.answered = Answered()
        self.begun = threading.Event()  # its first word is there
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_CONNECT_S)
        self._gone = False
        self._left = False

    def run(self) -> Answered:
        """Asks and reads to the end, until its time is over, or until it is hung up.

        Raises:
            AskingError: The server refused, broke off, or said nothing in the time.
        """
        timer = threading.Timer(self.question.seconds, self.hang_up)
        timer.daemon = True
        timer.start()
        try:
            self._exchange()
        except (OSError, http.client.HTTPException, ValueError) as failed:
            if not self._gone:
                raise AskingError(f"{type(failed).__name__}: {failed}") from failed
        finally:
            timer.cancel()
            self._connection.close()
        self.answered.ended = self.answered.ended or time.perf_counter()
        if not self.answered.arrivals and not self._left:
            raise AskingError(f"no word came in {self.answered.ended - self.answered.sent:.0f} s")
        return self.answered

    def leave(self) -> None:
        """Nobody waits for it any more, whether it has begun or not."""
        self._left = True
        self.hang_up()

    def hang_up(self) -> None:
        """Breaks it off."""
        self._gone = True
        if self._connection.sock:
            with contextlib.suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)

    def _exchange(self) -> None:
        headers = {"Content-Type": "application/json"}
        if self.question.background:
            headers["X-Nisse-Priority"] = "background"
        body = json.dumps(
            {
                "messages": self.question.messages,
                "max_tokens": self.question.tokens,
                "temperature": 0,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
        )
        self._connection.connect()
        assert self._connection.sock
        self._connection.sock.settimeout(self.question.seconds + _CONNECT_S)
        self.answered.sent = time.perf_counter()
        self._connection.request("POST", "/v1/chat/completions", body, headers)
        response = self._connection.getresponse()
        if response.status != 200:
            raise AskingError(f"{response.status}: {response.read(500).decode(errors='replace')}")
        while line := response.readline():
            if line.startswith(b"data: {"):
                self._take(time.perf_counter(), json.loads(line[6:]))
            elif line.startswith(b"data: [DONE]"):
                self.answered.ended = time.perf_counter()

    def _take(self, moment: float, event: Mapping[str, Any]) -> None:
        if "error" in event:
            raise AskingError(str(event["error"]))
        if event.get("usage"):
            self.answered.usage = event["usage"]
        for choice in event.get("choices") or ():
            text = (choice.get("delta") or {}).get("content")
            if text:
                self.answered.arrivals.append((moment, len(text)))
                self.answered.texts.append(text)
                self.begun.set()


def ask(port: int, messages: Messages, tokens: int, *, seconds: float = Question.seconds) -> Answered:
    """One question, asked and answered.

    Raises:
        AskingError: It was refused, or no word came.
    """
    return Asking(port, Question(messages=messages, tokens=tokens, seconds=seconds)).run()


def ask_all(port: int, conversations: Sequence[Messages], tokens: int) -> float:
    """Several questions at once: tokens of all answers a second, from the first question sent to the last answer's end.

    Raises:
        AskingError: One of them was not answered.
    """
    askings = [Asking(port, Question(messages=messages, tokens=tokens)) for messages in conversations]
    failures: list[AskingError] = []

    def run(asking: Asking) -> None:
        try:
            asking.run()
        except AskingError as failed:
            failures.append(failed)

    threads = [threading.Thread(target=run, args=(asking,), daemon=True) for asking in askings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    answers = [asking.answered for asking in askings]
    return sum(answer.tokens for answer in answers) / (
        max(answer.ended for answer in answers) - min(answer.sent for answer in answers)
    )
