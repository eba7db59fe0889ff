"""The shape of a language model: the few figures from which its memory can be foretold.

Owns: the figures, and what follows from them alone. They stand in the catalogue, and in the model's own file.
Does not know: any box, llama.cpp, or how the figures are read from a file.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One model's figures."""

    layers: int
    embedding: int  # numbers that stand for one token between two layers
    feed_forward: int  # numbers within a layer
    vocabulary: int  # tokens
    kept: int  # numbers that each layer keeps of each token: its keys and values
    weights: int  # bytes of all tensors
    input_bytes: int  # of the table that turns tokens into numbers
    output_bytes: int = 0  # of the one that turns numbers into tokens; 0: it is the same table
    by_layer: tuple[int, ...] = ()  # bytes of each layer; empty: they are all alike

    def last(self, count: int) -> int:
        """Bytes of so many layers, counted from the end."""
        if self.by_layer:
            return sum(self.by_layer[max(0, len(self.by_layer) - count) :])
        return (self.weights - self.input_bytes - self.output_bytes) * count // self.layers

    def cells(self, count: int, layers: int, bits: float) -> int:
        """Bytes that so many layers keep of so many tokens."""
        return round(count * layers * self.kept * bits / 8)
