"""A brain that stands in for the real one as a process of its own, so that it can be killed: `python -m tests.mail.scripted_brain PORT`.

Owns: an answer that is quick but not instant, arrives in pieces, and repeats the number in its question, so that answers can be told
apart. Does not know: who asks.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterator

from tests.fakes.brain import Brain

_PIECES = 6
_PAUSE_S = 0.03


def answer(messages: list[dict[str, str]]) -> Iterator[str]:
    """On what number the question was, piece by piece."""
    numbers = re.findall(r"number (\d+)", messages[-1]["content"])
    for word in ("The ", "number ", "of ", "this ", "question ", "is ")[:_PIECES]:
        time.sleep(_PAUSE_S)
        yield word
    yield f"{numbers[-1] if numbers else 'unknown'}."


if __name__ == "__main__":
    with Brain(answer, int(sys.argv[1])):
        threading.Event().wait()
