"""The tokens of one step: whose they are, where they stand, and of which the model's opinion is wanted.

Owns: the arrays that the library reads, filled without a loop over tokens.
Does not know: models, or why these tokens.
"""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp
import numpy as np

from agent.brain.llama.sequences import Tokens


class Batch:
    """Room for the tokens of a step; used again for every step."""

    def __init__(self, room: int) -> None:
        """Begins empty.

        Args:
            room: Most tokens of one step.
        """
        self.count = 0
        self._tokens = np.zeros(room, dtype=np.int32)
        self._positions = np.zeros(room, dtype=np.int32)
        self._one = np.ones(room, dtype=np.int32)
        self._sequences = np.zeros(room, dtype=np.int32)
        self._wanted = np.zeros(room, dtype=np.int8)
        # The library takes a list of sequences per token: here a pointer to each token's one place in the array above.
        start = self._sequences.ctypes.data
        self._lists = np.arange(start, start + 4 * room, 4, dtype=np.uintp)
        self._native = llama_cpp.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, llama_cpp.llama_token),
            embd=None,
            pos=_pointer(self._positions, llama_cpp.llama_pos),
            n_seq_id=_pointer(self._one, ctypes.c_int32),
            seq_id=_pointer(self._lists, ctypes.POINTER(llama_cpp.llama_seq_id)),
            logits=_pointer(self._wanted, ctypes.c_int8),
        )

    def clear(self) -> None:
        """Begins the next step."""
        self.count = 0

    def add(self, sequence: int, position: int, tokens: Tokens, *, wanted: bool) -> int:
        """Adds consecutive tokens of one sequence. Returns the place of the last, by which its logits are asked for.

        Args:
            sequence: Whose they are.
            position: Where the first of them stands in the sequence.
            tokens: At least one; they must fit into the room that is left.
            wanted: Whether the model's opinion after the last one is wanted.
        """
        begin, end = self.count, self.count + len(tokens)
        self._tokens[begin:end] = tokens
        self._positions[begin:end] = np.arange(position, position + len(tokens))
        self._sequences[begin:end] = sequence
        self._wanted[begin:end] = 0
        self._wanted[end - 1] = wanted
        self.count = end
        return end - 1

    @property
    def native(self) -> Any:
        """As the library takes it."""
        self._native.n_tokens = self.count
        return self._native


def _pointer(array: Any, kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
