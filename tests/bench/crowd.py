"""What is measured while somebody else wants the machine: background answers in the same server, or other programs.

Owns: the background askers, the rivals, and the measurements among them.
Does not know: what the samples add up to (`figures`).
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Self

from tests.bench.asking import Answered, Asking, AskingError, Messages, Question, ask
from tests.bench.peers import LLAMA_SERVER, OURS, Peer, PeerError
from tests.bench.stage import Samples, Stage

BACKGROUND = 4
LOOPS = 2
IN_A_ROUND = 10  # requests, of which three rounds make the 30
_GAP_S = 0.5  # between the end of an interactive answer and the next question
_INTERACTIVE_ANSWER = 16
_BACKGROUND_ANSWER = 3000  # tokens: it ends with the round
_ALONE_S = 6.0
_ROUND_S = 600.0
_BEGIN_S = 120.0
_SETTLE_S = 5.0  # after the rivals begin
_BUSY_ANSWER = 96
_BUSY_S = 45.0  # most for one answer beside the rivals; its speed counts from what came


class Backgrounds:
    """Four that ask in the background, again and again, until the end."""

    def __init__(self, stage: Stage, port: int) -> None:
        """Begins nothing yet."""
        self._stage, self._port = stage, port
        self._ended = False
        self._current: list[Asking] = []
        self._all: list[Answered] = []
        self._failures: list[AskingError] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        first = [self._next() for _ in range(BACKGROUND)]
        self._threads = [threading.Thread(target=self._run, args=(asking,), daemon=True) for asking in first]
        for thread in self._threads:
            thread.start()
        for asking in first:
            if not asking.begun.wait(_BEGIN_S):
                self.__exit__()
                raise AskingError(f"a background answer did not begin: {self._failures[:1]}")
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._ended = True
            for asking in self._current:
                asking.leave()
        for thread in self._threads:
            thread.join(20)

    def speed(self, begin: float, end: float) -> float:
        """Characters of answers a second between two moments: a server may put several tokens into one piece."""
        if self._failures:
            raise self._failures[0]
        with self._lock:
            arrivals = [arrival for answered in self._all for arrival in list(answered.arrivals)]
        return sum(characters for moment, characters in arrivals if begin <= moment < end) / (end - begin)

    def _next(self) -> Asking:
        question = Question(
            messages=self._stage.prompts.chat(), tokens=_BACKGROUND_ANSWER, background=True, seconds=_ROUND_S
        )
        asking = Asking(self._port, question)
        with self._lock:
            self._current.append(asking)
            self._all.append(asking.answered)
        return asking

    def _run(self, asking: Asking) -> None:
        while True:
            try:
                asking.run()
            except AskingError as failed:
                self._failures.append(failed)
                return
            with self._lock:
                self._current.remove(asking)
                if self._ended:
                    return
            asking = self._next()


def interactive(stage: Stage) -> None:
    """Short questions of somebody who waits, first alone, then while four background answers are being written."""
    # A place of its own for the one who waits: without it llama-server lets him wait until a background answer ends.
    with stage.servers(OURS, LLAMA_SERVER, conversations=BACKGROUND + 1) as servers:
        for round_ in stage.rounds("a question while others are answered in the background", 3, 300):
            for peer in servers if round_ % 2 == 0 else servers[::-1]:
                stage.sample(round_, peer, lambda p=peer, r=round_: _interactive(stage, p, r))  # type: ignore[misc]


def busy(stage: Stage) -> None:
    """One answer on a quiet machine, and one while two other programs never rest."""
    with stage.servers(OURS, LLAMA_SERVER) as servers:
        for round_ in stage.rounds("a busy machine", 3, 240):
            messages = stage.prompts.chat()
            for peer in servers if round_ % 2 == 0 else servers[::-1]:
                stage.sample(round_, peer, lambda p=peer, m=messages: _busy(p, m))  # type: ignore[misc]


def _interactive(stage: Stage, peer: Peer, round_: int) -> Samples:
    idle = [_short(stage, peer) for _ in range(IN_A_ROUND)]
    with Backgrounds(stage, peer.port) as backgrounds:
        began = time.perf_counter()
        time.sleep(_ALONE_S)
        among = time.perf_counter()
        loaded = [_short(stage, peer) for _ in range(IN_A_ROUND)]
        ended = time.perf_counter()
        alone_speed, among_speed = backgrounds.speed(began, among), backgrounds.speed(among, ended)
    for at, (quiet, crowded) in enumerate(zip(idle, loaded, strict=True)):
        stage.book.write("interactive_idle", peer.name, round_ * IN_A_ROUND + at, quiet)
        stage.book.write("interactive_loaded", peer.name, round_ * IN_A_ROUND + at, crowded)
    if not alone_speed:
        raise AskingError("the background answers stood still although nobody else asked")
    time.sleep(1)  # for the server to see that they hung up
    return {"background_share": among_speed / alone_speed}


def _short(stage: Stage, peer: Peer) -> float:
    messages = stage.prompts.chat()
    messages[-1]["content"] = stage.prompts.short_question()
    seconds = ask(peer.port, messages, _INTERACTIVE_ANSWER).first_after
    time.sleep(_GAP_S)
    return seconds


def _busy(peer: Peer, messages: Messages) -> Samples:
    alone = ask(peer.port, messages, _BUSY_ANSWER)
    with _rivals():
        time.sleep(_SETTLE_S)
        among = ask(peer.port, messages, _BUSY_ANSWER, seconds=_BUSY_S)
    # One that was broken off has no count; the text is the same, so the characters tell.
    slower = _characters_a_second(among) / _characters_a_second(alone)
    return {"quiet": alone.speed, "contended": alone.speed * slower}


def _characters_a_second(answered: Answered) -> float:
    first, last = answered.arrivals[0], answered.arrivals[-1]
    if last[0] <= first[0]:
        raise AskingError(f"the answer came in {len(answered.arrivals)} pieces")
    return (len(answered.text) - first[1]) / (last[0] - first[0])


@contextlib.contextmanager
def _rivals() -> Iterator[None]:
    """Other programs that take all they can get."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(LOOPS)]
    try:
        if any(loop.poll() is not None for loop in loops):
            raise PeerError("a busy loop ended")
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
