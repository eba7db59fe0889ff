"""GGUF files made for tests: small ones of noise, and real ones with another chat template or fewer tensors.

Owns: writing the format. Does not know: models; none of what it writes could talk.
"""

from __future__ import annotations

import random
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

_TEMPLATE = "tokenizer.chat_template"
_ALIGNMENT = 32
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TEXT, _ARRAY, _WORD = 8, 9, 4
VALUES: dict[str, int | str] = {
    "general.architecture": "llama",
    "general.name": "Noise",
    "general.license": "CC0-1.0",
    "llama.block_count": 2,
    "llama.context_length": 512,
    "llama.embedding_length": 64,
    "llama.feed_forward_length": 128,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
}


def write(
    path: Path,
    *,
    size: int = 3_000_000,
    seed: int = 1,
    template: str = "{{ messages }}",
    values: Mapping[str, int | str] = VALUES,
) -> Path:
    """Writes a file of noise that is built as a model must be.

    Args:
        path: The file.
        size: Bytes of its tensors, about.
        seed: Of the noise: the same gives the same.
        template: The chat template.
        values: What else it says of itself.
    """
    names = ["token_embd.weight", "blk.0.attn_q.weight", "blk.1.attn_q.weight", "output_norm.weight"]
    count = max(8, size // len(names) // 4 // 8 * 8)  # numbers in each
    pairs = [_pair(key, value) for key, value in {**values, _TEMPLATE: template}.items()]
    pairs.append(
        _text("tokenizer.ggml.tokens") + struct.pack("<IIQ", _ARRAY, _TEXT, 3) + b"".join(map(_text, "abc"))
    )
    infos = [
        _text(name) + struct.pack("<IQIQ", 1, count, 0, 4 * count * index) for index, name in enumerate(names)
    ]
    noise = random.Random(seed)
    with path.open("wb") as file:
        _head(file, pairs, infos)
        for _ in names:
            file.write(noise.randbytes(4 * count))
    return path


def changed(source: Path, to: Path, *, template: str, most_bytes: int = 0) -> Path:
    """Writes a model anew with another chat template.

    Args:
        source: A real model.
        to: The file to write.
        template: Its new template.
        most_bytes: Leave out tensors beyond so many bytes; 0: keep all.
    """
    data = source.read_bytes()
    tensors, values = struct.unpack_from("<QQ", data, 8)
    at, pairs = 24, []
    for _ in range(values):
        begin, at = at, _behind_pair(data, at)
        if not data[begin + 8 :].startswith(_TEMPLATE.encode()):
            pairs.append(data[begin:at])
    pairs.append(_pair(_TEMPLATE, template))
    infos, ends = [], []
    for _ in range(tensors):
        begin, at = at, _behind_tensor(data, at)
        infos.append(data[begin:at])
        ends.append(struct.unpack_from("<Q", data, at - 8)[0])
    body = -(-at // _ALIGNMENT) * _ALIGNMENT
    kept = [index for index, offset in enumerate(ends) if not most_bytes or offset < most_bytes]
    behind = sorted(offset for index, offset in enumerate(ends) if index not in kept)
    end = body + behind[0] if behind else len(data)
    with to.open("wb") as file:
        _head(file, pairs, [infos[index] for index in kept])
        file.write(memoryview(data)[body:end])
    return to


def template_of(source: Path) -> str:
    """The chat template of a model."""
    with source.open("rb") as file:
        data = file.read(32 << 20)
    at = data.index(_TEMPLATE.encode()) + len(_TEMPLATE) + 4
    (length,) = struct.unpack_from("<Q", data, at)
    return data[at + 8 : at + 8 + length].decode()


def copy_of(source: Path, to: Path) -> Path:
    """A copy that may be changed."""
    shutil.copyfile(source, to)
    return to


def _head(file: BinaryIO, pairs: list[bytes], infos: list[bytes]) -> None:
    file.write(b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(pairs)) + b"".join(pairs) + b"".join(infos))
    file.write(bytes(-file.tell() % _ALIGNMENT))


def _pair(key: str, value: int | str) -> bytes:
    if isinstance(value, int):
        return _text(key) + struct.pack("<II", _WORD, value)
    return _text(key) + struct.pack("<I", _TEXT) + _text(value)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _behind_text(data: bytes, at: int) -> int:
    return int(at + 8 + struct.unpack_from("<Q", data, at)[0])


def _behind_pair(data: bytes, at: int) -> int:
    at = _behind_text(data, at)
    (kind,) = struct.unpack_from("<I", data, at)
    return _behind_value(data, at + 4, kind)


def _behind_value(data: bytes, at: int, kind: int) -> int:
    if kind == _TEXT:
        return _behind_text(data, at)
    if kind != _ARRAY:
        return at + _SIZES[kind]
    of, length = struct.unpack_from("<IQ", data, at)
    at += 12
    if of != _TEXT:
        return int(at + length * _SIZES[of])
    for _ in range(length):
        at = _behind_text(data, at)
    return at


def _behind_tensor(data: bytes, at: int) -> int:
    at = _behind_text(data, at)
    (dimensions,) = struct.unpack_from("<I", data, at)
    return int(at + 4 + 8 * dimensions + 4 + 8)
