"""The text of an answer while it grows: bytes in, and out comes what can be shown for sure.

Owns: characters that are spread over several tokens, and stop strings.
Does not know: tokens, models or HTTP. Pure.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class GrowingText:
    """Collects an answer; holds back what may turn out to be part of a stop string."""

    def __init__(self, stop: Sequence[str] = ()) -> None:
        """Begins with nothing.

        Args:
            stop: The strings before which the answer ends.
        """
        self._stop = tuple(stop)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self.stopped = False  # a stop string came; nothing more will

    def push(self, data: bytes, *, last: bool = False) -> str:
        """Takes the next bytes and gives what can be shown of all so far.

        Args:
            data: What one token stands for.
            last: Nothing follows: what is held back is shown too.
        """
        if self.stopped:
            return ""
        self._held += self._decoder.decode(data, final=last)
        found = [at for word in self._stop if (at := self._held.find(word)) >= 0]
        if found:
            self.stopped = True
            return self._held[: min(found)]
        keep = 0 if last else max((_overlap(self._held, word) for word in self._stop), default=0)
        cut = len(self._held) - keep
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown


def _overlap(text: str, word: str) -> int:
    """Length of the longest beginning of the word with which the text ends."""
    for length in range(min(len(word) - 1, len(text)), 0, -1):
        if text.endswith(word[:length]):
            return length
    return 0
