"""How many tokens a text has at least, told without cutting it into them, which takes long where it is long. Pure.

Owns: the two bounds: no token is longer than the longest, and each word that is a token by itself makes one wherever it stands.
Does not know: the library, nor how many tokens are too many.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Lengths:
    """What of a vocabulary bounds the tokens of a text."""

    longest: int  # bytes of the longest token
    words: tuple[str, ...]  # that are a token by themselves; none is a part of another

    def fewest(self, text: str) -> int:
        """A bound: the text has this many tokens, or more."""
        return max(len(text.encode()) // self.longest, sum(text.count(word) for word in self.words))


def outermost(words: Iterable[str]) -> tuple[str, ...]:
    """Those that are no part of another: where a longer one stands, the shorter one in it is no token."""
    different = sorted(set(words) - {""})
    together = "\0".join(different)
    return tuple(word for word in different if together.count(word) == 1)
