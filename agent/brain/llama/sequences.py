"""What the model has read: which tokens each sequence of its memory holds, whose they are, and who makes room for whom. Pure.

Owns: the places, finding the longest known beginning of a prompt, and the rule of who is forgotten first.
Does not know: the library, the disk, or the order of service.

Conversations that end stay until somebody needs their place: then the one goes that was not used for the longest time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.int32]

_NOTHING: Tokens = np.zeros(0, dtype=np.int32)


@dataclass(eq=False)
class Sequence:
    """A place in the model's memory."""

    id: int
    tokens: Tokens = field(default_factory=lambda: _NOTHING)
    length: int = 0  # of the tokens, those that are computed
    used: float = 0.0  # when, on the caller's clock
    busy: bool = False  # an answer grows on it
    lasting: bool = False  # worth keeping over a restart
    refused: bool = False  # the disk did not take it

    @property
    def known(self) -> Tokens:
        """The tokens that are computed."""
        return self.tokens[: self.length]


class Sequences:
    """All places."""

    def __init__(self, count: int) -> None:
        """Begins with nothing known."""
        self.all = [Sequence(place) for place in range(count)]

    def best(self, tokens: Tokens) -> tuple[Sequence | None, int]:
        """The sequence that shares the longest beginning with these tokens, and how long it is; the latest used of equals."""
        found, longest = None, 0
        for sequence in self.all:
            length = shared(sequence.known, tokens)
            if length and (length, sequence.used) > (longest, found.used if found else -1.0):
                found, longest = sequence, length
        return found, longest

    def free(self) -> Sequence | None:
        """A place that holds nothing."""
        return next((each for each in self.all if not each.busy and not each.length), None)

    def oldest(self, spare: Sequence | None = None) -> Sequence | None:
        """Who is to be forgotten next: of those that are not busy, the one that was not used for the longest time.

        Args:
            spare: One that must stay.
        """
        idle = [each for each in self.all if each.length and not each.busy and each is not spare]
        return min(idle, key=lambda each: each.used, default=None)


def shared(ours: Tokens, theirs: Tokens) -> int:
    """How many tokens two lists have in common at their beginning."""
    length = min(len(ours), len(theirs))
    different = np.flatnonzero(ours[:length] != theirs[:length])
    return int(different[0]) if len(different) else length
