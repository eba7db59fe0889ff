"""The header of a GGUF file, read without its weights and without llama.cpp.

Owns: the format's layout, and a limit on everything that a file says of itself: it may come from a stranger.
Does not know: what the figures are good for (`described`).
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ModelError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MOST_VALUES = 4096
_MOST_TENSORS = 65_536
_LONGEST_ARRAY = 1 << 22
_LONGEST_TEXT = 1 << 24  # bytes; a chat template is long
_LONGEST_NAME = 512
_MOST_DIMENSIONS = 4
_LARGEST_HEADER = 1 << 28
_ALIGNMENTS = (8, 1 << 16)  # and a power of two
_TEXT, _ARRAY, _FLAG = 8, 9, 7
# The format's numbers for the kinds of a value.
_SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    _FLAG: struct.Struct("<B"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_WORD, _LONG = struct.Struct("<I"), struct.Struct("<Q")
# ggml's kinds of numbers in a tensor: how many make a block, and its bytes.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18), 42: (64, 18),
}  # fmt: skip


@dataclass(frozen=True)
class Array:
    """A list in the header, of which only the length is kept."""

    kind: int
    length: int


Value = int | float | bool | str | Array


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One table of numbers."""

    name: str
    dimensions: tuple[int, ...]
    kind: int  # ggml's number for it
    offset: int  # bytes from the header's end
    size: int  # bytes

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.dimensions)


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a file says of itself."""

    version: int
    values: dict[str, Value]
    tensors: tuple[Tensor, ...]
    begin: int  # byte of the file at which the tensors begin


def read(path: Path) -> Header:
    """The header, of which every tensor lies within the file.

    Args:
        path: The file. Only its header is read.

    Raises:
        ModelError: It is no whole GGUF file; the message says why.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < len(_MAGIC) + 20:
            raise ModelError(f"{path.name} is no model file: it is too short.")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            try:
                return _Reader(view, size).header()
            except _WrongError as wrong:
                raise ModelError(f"{path.name} is no model file: {wrong}.") from None


class _WrongError(Exception):
    """What the file says cannot be."""


class _Reader:
    """Walks through a header once."""

    def __init__(self, view: mmap.mmap, size: int) -> None:
        self._view = view
        self._size = size
        self._end = min(size, _LARGEST_HEADER)
        self._at = 0

    def header(self) -> Header:
        _demand(self._take(4) == _MAGIC, "it does not begin as one")
        version = int(self._number(_WORD))
        _demand(version in _VERSIONS, f"its version is {version}")
        tensors, values = int(self._number(_LONG)), int(self._number(_LONG))
        _demand(0 < tensors <= _MOST_TENSORS, f"it has {tensors} tensors")
        _demand(values <= _MOST_VALUES, f"it says {values} things of itself")
        found = self._values(values)
        raw = [self._tensor() for _ in range(tensors)]
        begin = _aligned(self._at, _alignment(found))
        for tensor in raw:
            _demand(tensor.offset % _alignment(found) == 0, f"{tensor.name} lies between two places")
            _demand(begin + tensor.offset + tensor.size <= self._size, "it ends too early")
        _demand(len({tensor.name for tensor in raw}) == len(raw), "two tensors have one name")
        _check_overlaps(raw)
        return Header(version=version, values=found, tensors=tuple(raw), begin=begin)

    def _values(self, count: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for _ in range(count):
            key = self._text(_LONGEST_NAME)
            _demand(key not in found, f"it says its {key} twice")
            found[key] = self._value(int(self._number(_WORD)))
        return found

    def _value(self, kind: int) -> Value:
        if kind == _TEXT:
            return self._text(_LONGEST_TEXT)
        if kind == _ARRAY:
            return self._array()
        _demand(kind in _SCALARS, f"it holds a value of the unknown kind {kind}")
        value = self._number(_SCALARS[kind])
        if kind == _FLAG:
            _demand(value in (0, 1), "it says neither yes nor no")
            return bool(value)
        return value

    def _array(self) -> Array:
        kind, length = int(self._number(_WORD)), int(self._number(_LONG))
        _demand(length <= _LONGEST_ARRAY, f"it has a list of {length}")
        if kind == _TEXT:
            for _ in range(length):
                self._skip(int(self._number(_LONG)))
        else:
            _demand(kind in _SCALARS, f"it holds a list of the unknown kind {kind}")
            self._skip(length * _SCALARS[kind].size)
        return Array(kind, length)

    def _tensor(self) -> Tensor:
        name = self._text(_LONGEST_NAME)
        count = int(self._number(_WORD))
        _demand(0 < count <= _MOST_DIMENSIONS, f"{name} has {count} dimensions")
        dimensions = tuple(int(self._number(_LONG)) for _ in range(count))
        kind, offset = int(self._number(_WORD)), int(self._number(_LONG))
        _demand(kind in _BLOCKS, f"{name} has numbers of the unknown kind {kind}")
        elements, (block, size) = math.prod(dimensions), _BLOCKS[kind]
        _demand(elements > 0 and dimensions[0] % block == 0, f"{name} has the dimensions {dimensions}")
        return Tensor(
            name=name, dimensions=dimensions, kind=kind, offset=offset, size=elements // block * size
        )

    def _text(self, longest: int) -> str:
        length = int(self._number(_LONG))
        _demand(length <= longest, f"it has a text of {length} bytes")
        return self._take(length).decode("utf-8", "replace")

    def _number(self, form: struct.Struct) -> int | float:
        _demand(self._at + form.size <= self._end, "it ends too early")
        (value,) = form.unpack_from(self._view, self._at)
        self._at += form.size
        return value  # type: ignore[no-any-return]

    def _take(self, length: int) -> bytes:
        begin = self._at
        self._skip(length)
        return self._view[begin : self._at]

    def _skip(self, length: int) -> None:
        _demand(self._at + length <= self._end, "it ends too early")
        self._at += length


def _alignment(values: dict[str, Value]) -> int:
    found = values.get("general.alignment", 32)
    lowest, highest = _ALIGNMENTS
    sound = type(found) is int and lowest <= found <= highest and not found & (found - 1)
    _demand(sound, f"its alignment is {found}")
    return int(found)  # type: ignore[arg-type]


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def _check_overlaps(tensors: list[Tensor]) -> None:
    end = 0
    for tensor in sorted(tensors, key=lambda each: each.offset):
        _demand(tensor.offset >= end, f"{tensor.name} lies upon another tensor")
        end = tensor.offset + tensor.size


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _WrongError(otherwise)
