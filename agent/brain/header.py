"""The header of a GGUF file: a model's own figures, read by llama.cpp's own reader, without its weights.

Owns: which of the file's facts make a shape, and calling the library's functions for it, which its Python binding leaves out.
Does not know: what the figures are good for.
"""

from __future__ import annotations

import ctypes
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.brain.llama import library
from agent.errors import ModelError
from agent.models.shape import Shape

_LAYER = re.compile(r"blk\.(\d+)\.")
_INPUT, _OUTPUT = "token_embd.", "output."
_MOST_LAYERS = 1000
# ggml's numbers for the kinds of a value, and the functions that read them.
_NUMBERS = {4: ("u32", ctypes.c_uint32), 5: ("i32", ctypes.c_int32), 10: ("u64", ctypes.c_uint64)}
_TEXT, _ARRAY = 8, 9


def read(path: Path) -> Shape:
    """The model's figures.

    Raises:
        ModelError: The file is no GGUF, or lacks a figure.
    """
    with _opened(path) as header:
        return _Header(path, header).shape()


class _Parameters(ctypes.Structure):
    _fields_ = (("no_alloc", ctypes.c_bool), ("context", ctypes.c_void_p))


def _functions() -> Any:
    functions = library.functions()
    functions.gguf_init_from_file.restype = ctypes.c_void_p
    functions.gguf_init_from_file.argtypes = [ctypes.c_char_p, _Parameters]
    functions.gguf_free.argtypes = [ctypes.c_void_p]
    functions.gguf_find_key.restype = ctypes.c_int64
    functions.gguf_find_key.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    functions.gguf_get_n_tensors.restype = ctypes.c_int64
    functions.gguf_get_n_tensors.argtypes = [ctypes.c_void_p]
    by_index = {
        "gguf_get_kv_type": ctypes.c_int,
        "gguf_get_arr_n": ctypes.c_size_t,
        "gguf_get_val_str": ctypes.c_char_p,
        "gguf_get_tensor_name": ctypes.c_char_p,
        "gguf_get_tensor_size": ctypes.c_size_t,
        **{f"gguf_get_val_{name}": kind for name, kind in _NUMBERS.values()},
    }
    for name, kind in by_index.items():
        function = getattr(functions, name)
        function.restype, function.argtypes = kind, [ctypes.c_void_p, ctypes.c_int64]
    return functions


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    functions = _functions()
    heard = library.listen()
    header = functions.gguf_init_from_file(str(path).encode(), _Parameters(no_alloc=True, context=None))
    if not header:
        raise ModelError(f"{path.name} is no model file: {heard.why('it cannot be read')}.")
    try:
        yield header
    finally:
        functions.gguf_free(header)


class _Header:
    """One file's header, open."""

    def __init__(self, path: Path, pointer: int) -> None:
        self._name = path.name
        self._pointer = pointer
        self._functions = _functions()

    def shape(self) -> Shape:
        kind = self._architecture()
        layers, embedding = self._number(f"{kind}.block_count"), self._number(f"{kind}.embedding_length")
        heads = self._number(f"{kind}.attention.head_count")
        if not 0 < layers <= _MOST_LAYERS or not heads:
            raise ModelError(f"{self._name} has {layers} layers and {heads} heads; that cannot be.")
        size = embedding // heads
        keys = self._number(f"{kind}.attention.key_length", size)
        values = self._number(f"{kind}.attention.value_length", size)
        sizes = self._sizes(layers)
        return Shape(
            layers=layers,
            embedding=embedding,
            feed_forward=self._number(f"{kind}.feed_forward_length", 4 * embedding),
            vocabulary=self._length("tokenizer.ggml.tokens"),
            kept=self._number(f"{kind}.attention.head_count_kv", heads) * (keys + values),
            weights=sum(sizes.values()),
            input_bytes=sizes[_INPUT],
            output_bytes=sizes[_OUTPUT],
            by_layer=tuple(sizes[layer] for layer in range(layers)),
        )

    def _sizes(self, layers: int) -> defaultdict[int | str, int]:
        """Bytes by layer, and of the tensors before and behind the layers by name."""
        sizes: defaultdict[int | str, int] = defaultdict(int)
        for index in range(self._functions.gguf_get_n_tensors(self._pointer)):
            name = self._functions.gguf_get_tensor_name(self._pointer, index).decode("utf-8", "replace")
            found = _LAYER.match(name)
            known = (
                int(found[1])
                if found
                else next((part for part in (_INPUT, _OUTPUT) if name.startswith(part)), "")
            )
            place = known if not isinstance(known, int) or known < layers else ""
            sizes[place] += self._functions.gguf_get_tensor_size(self._pointer, index)
        return sizes

    def _architecture(self) -> str:
        index = self._find("general.architecture")
        if index < 0 or self._functions.gguf_get_kv_type(self._pointer, index) != _TEXT:
            raise ModelError(f"{self._name} does not say what kind of model it is.")
        return str(self._functions.gguf_get_val_str(self._pointer, index).decode("utf-8", "replace"))

    def _number(self, key: str, otherwise: int | None = None) -> int:
        index = self._find(key)
        kind = self._functions.gguf_get_kv_type(self._pointer, index) if index >= 0 else -1
        if kind in _NUMBERS:
            return int(getattr(self._functions, f"gguf_get_val_{_NUMBERS[kind][0]}")(self._pointer, index))
        if otherwise is None:
            raise ModelError(f"{self._name} does not say its {key}.")
        return otherwise

    def _length(self, key: str) -> int:
        index = self._find(key)
        if index < 0 or self._functions.gguf_get_kv_type(self._pointer, index) != _ARRAY:
            raise ModelError(f"{self._name} has no {key}.")
        return int(self._functions.gguf_get_arr_n(self._pointer, index))

    def _find(self, key: str) -> int:
        return int(self._functions.gguf_find_key(self._pointer, key.encode()))
