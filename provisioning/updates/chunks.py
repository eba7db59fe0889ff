"""The chunks of a file: where it is cut depends on what is in it, so that a change moves the cuts near it and no others.

Owns: the cutting, and the list of a file's chunks as the repository has it.
Does not know: who signs such a list, nor what is fetched because of it.

A list is binary: `NISSECH1`, the file's size (8 bytes) and the number of chunks (4), then of each chunk its length (4) and sha256 (32);
numbers are little-endian. Of one gigabyte it takes 31 kB.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from provisioning.updates.refusals import RefusedError

# Every box cuts its present models in the same way, else no chunk of a new one would be found in them.
_AVERAGE, _SHORTEST, LONGEST = 1 << 20, 1 << 18, 1 << 22  # bytes
_SEED = 0
_MAGIC = b"NISSECH1"
_HEAD = struct.Struct("<8sQI")
_ROW = struct.Struct("<I32s")
_MOST = 1 << 20  # chunks: about a terabyte
LARGEST_LIST = _HEAD.size + _MOST * _ROW.size  # bytes


@dataclass(frozen=True)
class Chunk:
    """A part of a file."""

    offset: int
    length: int
    sha256: str

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.offset + self.length


def cut(path: Path, keep_going: Callable[[], None] = lambda: None) -> tuple[Chunk, ...]:
    """The chunks of a file. It is read once, and never as a whole.

    Args:
        path: The file.
        keep_going: Called after each chunk; what it raises ends the cutting.

    Raises:
        OSError: The file cannot be read.
    """
    from pyfastcdc import FastCDC  # noqa: PLC0415 - most starts of the service cut nothing

    cutter = FastCDC(_AVERAGE, min_size=_SHORTEST, max_size=LONGEST, normalized_chunking=2, seed=_SEED)
    found = []
    with path.open("rb", buffering=0) as file:
        for piece in cutter.cut_stream(file):
            found.append(Chunk(piece.offset, piece.length, hashlib.sha256(piece.data).hexdigest()))
            keep_going()
    return tuple(found)


def to_bytes(chunks: tuple[Chunk, ...]) -> bytes:
    """The list of a file's chunks."""
    size = chunks[-1].end if chunks else 0
    rows = (_ROW.pack(chunk.length, bytes.fromhex(chunk.sha256)) for chunk in chunks)
    return _HEAD.pack(_MAGIC, size, len(chunks)) + b"".join(rows)


def read(data: bytes, size: int) -> tuple[Chunk, ...]:
    """The chunks that a list names.

    Args:
        data: The list.
        size: Of the file that it must be of.

    Raises:
        RefusedError: It is no such list (`malformed`).
    """
    if len(data) < _HEAD.size or len(data) > LARGEST_LIST:
        raise _malformed(f"a list of {len(data)} bytes")
    magic, told, count = _HEAD.unpack_from(data)
    if magic != _MAGIC or told != size or len(data) != _HEAD.size + count * _ROW.size:
        raise _malformed(f"{count} chunks of {told} bytes, not {size}")
    chunks, offset = [], 0
    for length, digest in _ROW.iter_unpack(data[_HEAD.size :]):
        if not 0 < length <= LONGEST:
            raise _malformed(f"a chunk of {length} bytes")
        chunks.append(Chunk(offset, length, digest.hex()))
        offset += length
    if offset != size:
        raise _malformed(f"its chunks make {offset} bytes, not {size}")
    return tuple(chunks)


def _malformed(what: str) -> RefusedError:
    return RefusedError("malformed", f"The list of chunks is wrong: {what}.")
