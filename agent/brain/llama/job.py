"""One answer on its way: what was asked, how far it is, and the pieces between the thread that computes and the one that reads.

Owns: the tokens of prompt and answer, when the answer ends, and handing pieces over.
Does not know: the library, other answers, or HTTP.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np

from agent.brain import Answer, Asker, Piece, Prompt, Token
from agent.brain.growing import GrowingText
from agent.brain.llama.sampling import Sampler
from agent.brain.llama.sequences import Sequence
from agent.errors import NisseError

_SIGN_OF_LIFE_S = 0.25
# Waking the reader for every token takes the processor from the next token. Nobody sees a twentieth of a second.
_TOGETHER_S = 0.05


class Job(Answer):
    """An answer that the engine works on. `put`, `fail` and what has no underscore below are the engine's."""

    def __init__(
        self, prompt: Prompt, asker: Asker, sampler: Sampler, *, context: int, close: Callable[[Job], None]
    ) -> None:
        """Begins with nothing computed.

        Args:
            prompt: What to answer.
            asker: On whose behalf.
            sampler: Chooses its tokens; the engine closes it.
            context: Most tokens of prompt and answer together.
            close: Called when nobody waits any more.
        """
        self.prompt = prompt
        self.asker = asker
        self.arrived = time.monotonic()
        self.parked = False
        self.sequence: Sequence | None = None
        self.sampler = sampler
        self.reused = -1  # tokens of the prompt that were known; -1: it has not begun
        self.closed = False
        read = len(prompt.tokens)
        self.longest = min(prompt.request.max_tokens or context, context - read)
        self.tokens = np.empty(read + self.longest, dtype=np.int32)
        self.tokens[:read] = prompt.tokens
        self.count = read  # tokens of prompt and answer so far
        self._text = GrowingText(prompt.request.stop)
        self._last = Piece()
        self._on_close = close
        self._estimate = 0.0
        self._ready = threading.Condition()
        self._pieces: list[Piece] = []
        self._failure: NisseError | None = None
        self._ended = False
        self._told = 0.0

    @property
    def seconds(self) -> float:
        """Estimate made when it was submitted: seconds from then to its first word."""
        return self._estimate

    @seconds.setter
    def seconds(self, value: float) -> None:
        self._estimate = value

    @property
    def seat(self) -> Sequence:
        """Where it is computed; it must have a place."""
        if self.sequence is None:
            raise RuntimeError("a job without a place cannot be computed")
        return self.sequence

    @property
    def begun(self) -> bool:
        """Whether something of it is computed."""
        return self.reused >= 0

    @property
    def left(self) -> int:
        """Tokens still to be read before the next one can be written."""
        sequence = self.sequence
        return self.count - (sequence.length if sequence else 0)

    @property
    def written(self) -> int:
        """Tokens of the answer so far."""
        return self.count - len(self.prompt.tokens)

    def write(self, token: int, data: bytes, told: Token | None) -> str:
        """Goes on by one token; gives why the answer ends with it, or nothing if it goes on."""
        self.tokens[self.count] = token
        self.count += 1
        text = self._text.push(data)
        finish = "stop" if self._text.stopped else "length" if self.written >= self.longest else ""
        piece = Piece(text=text, tokens=(told,) if told else ())
        if finish:
            self._last = piece
        else:
            self._put(piece)
        return finish

    def end(self, finish: str) -> None:
        """The last piece."""
        self._put(
            Piece(
                text=self._last.text + self._text.push(b"", last=True),
                tokens=self._last.tokens,
                finish=finish,
                prompt_tokens=len(self.prompt.tokens),
                reused_tokens=max(0, self.reused),
                answer_tokens=self.written,
            )
        )

    def fail(self, failure: NisseError) -> None:
        """The answer broke off."""
        with self._ready:
            self._failure = failure
            self._ready.notify_all()

    def close(self) -> None:
        """Nobody waits for it any more."""
        with self._ready:
            if self.closed:
                return
            self.closed = True
            self._ready.notify_all()
        self._on_close(self)

    def __iter__(self) -> Iterator[Piece]:
        while True:
            with self._ready:
                if not self._due():
                    self._ready.wait_for(self._due, timeout=_SIGN_OF_LIFE_S)
                pieces, self._pieces = self._pieces, []
                failure = self._failure
                if pieces:
                    self._told = time.monotonic()
            if pieces:
                piece = _joined(pieces)
                yield piece
                if piece.finish:
                    return
            elif self._ended:
                return
            elif failure:
                raise failure
            elif self.closed:
                return
            else:
                yield Piece()

    def _due(self) -> bool:
        return bool(self._pieces or self._failure or self.closed or self._ended)

    def _put(self, piece: Piece) -> None:
        with self._ready:
            self._pieces.append(piece)
            self._ended = bool(piece.finish)
            if piece.finish or time.monotonic() - self._told >= _TOGETHER_S:
                self._ready.notify_all()


def _joined(pieces: list[Piece]) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    last = pieces[-1]
    return Piece(
        text="".join(piece.text for piece in pieces),
        tokens=tuple(token for piece in pieces for token in piece.tokens),
        finish=last.finish,
        prompt_tokens=last.prompt_tokens,
        reused_tokens=last.reused_tokens,
        answer_tokens=last.answer_tokens,
    )
