"""A model's record from its own file: what the catalogue would say of it, computed from its GGUF header.

Owns: which figures of a header make a record, and how much memory they foretell.
Does not know: the format (`gguf_header`), who asks, nor whether the file is any good.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from agent.errors import ModelError
from agent.models import gguf_header, shelf
from agent.models.catalogue import File, Model
from agent.models.gguf_header import Array, Header
from agent.models.shape import Shape

_LAYER = re.compile(r"blk\.(\d+)\.")
_INPUT, _OUTPUT = "token_embd.", "output."
_MOST_LAYERS = 1000
_MEGABYTE = 1_000_000
_PROGRAM = 65 * _MEGABYTE  # the interpreter, the server and the libraries
_MARGIN = 105  # per cent: so much more the models took that were measured
_WORD = 370  # bytes of one token of the vocabulary: its text, its merges, its place in two tables
_UNKNOWN_NAME = re.compile(r"[^a-z0-9._-]+")
_LONGEST_TITLE = 100
# llama.cpp's numbers for the way in which most tensors are kept (`general.file_type`).
_QUANTISATIONS = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
    19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL",
    26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16",
    36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
}  # fmt: skip


def describe(path: Path, *, name: str = "", title: str = "", file_name: str = "", sha256: str = "") -> Model:
    """The record of a chat model, without sources.

    Args:
        path: Its GGUF file; read as a whole if its sha256 is not given.
        name: The model's name; otherwise made of its title.
        title: Its name for people; otherwise what the file says, or is called.
        file_name: How the file is to be called; otherwise as it is.
        sha256: Of the file, where it is known already.

    Raises:
        ModelError: The file is no whole GGUF file, or lacks a figure.
        OSError: It cannot be read.
    """
    header = gguf_header.read(path)
    figures = shape(header, path.name)
    title = _plain(title or _text(header, "general.name") or path.stem)
    file_name = file_name or path.name
    return Model(
        name=name or _name(Path(file_name).stem),
        role="chat",
        title=title,
        licence=_plain(_text(header, "general.license") or "unknown"),
        memory=memory(figures),
        context=_number(header, f"{_architecture(header, path.name)}.context_length", path.name),
        quantisation=_quantisation(header),
        parameters=max(1, round(sum(tensor.elements for tensor in header.tensors) / _MEGABYTE)),
        files=(
            File(name=file_name, size=path.stat().st_size, sha256=sha256 or shelf.sha256(path), sources=()),
        ),
        shape=figures,
    )


def memory(figures: Shape) -> int:
    """MB that a model of this shape takes while it works, its context not counted."""
    return -(-(figures.weights + _PROGRAM + figures.vocabulary * _WORD) * _MARGIN // (100 * _MEGABYTE))


def shape(header: Header, called: str) -> Shape:
    """The figures from which a model's memory can be foretold.

    Args:
        header: Of its file.
        called: The file's name, for the message.

    Raises:
        ModelError: A figure is missing, or cannot be.
    """
    kind = _architecture(header, called)
    layers = _number(header, f"{kind}.block_count", called)
    embedding = _number(header, f"{kind}.embedding_length", called)
    heads = _number(header, f"{kind}.attention.head_count", called)
    if layers > _MOST_LAYERS:
        raise ModelError(f"{called} has {layers} layers; that cannot be.")
    head = embedding // heads
    keys = _number(header, f"{kind}.attention.key_length", called, head)
    values = _number(header, f"{kind}.attention.value_length", called, head)
    sizes = _sizes(header, layers)
    if not sizes[_INPUT]:
        raise ModelError(f"{called} has no {_INPUT.rstrip('.')}.")
    by_layer = tuple(sizes[layer] for layer in range(layers))
    return Shape(
        layers=layers,
        embedding=embedding,
        feed_forward=_number(header, f"{kind}.feed_forward_length", called, 4 * embedding),
        vocabulary=_length(header, "tokenizer.ggml.tokens", called),
        kept=_number(header, f"{kind}.attention.head_count_kv", called, heads) * (keys + values),
        weights=sum(sizes.values()),
        input_bytes=sizes[_INPUT],
        output_bytes=sizes[_OUTPUT],
        by_layer=by_layer,
    )


def _sizes(header: Header, layers: int) -> defaultdict[int | str, int]:
    """Bytes by layer, and of the tensors before and behind the layers by name."""
    sizes: defaultdict[int | str, int] = defaultdict(int)
    for tensor in header.tensors:
        found = _LAYER.match(tensor.name)
        if found and int(found[1]) < layers:
            sizes[int(found[1])] += tensor.size
        else:
            known = (part for part in (_INPUT, _OUTPUT) if tensor.name.startswith(part))
            sizes[next(known, "")] += tensor.size
    return sizes


def _architecture(header: Header, called: str) -> str:
    kind = _text(header, "general.architecture")
    if not kind:
        raise ModelError(f"{called} does not say what kind of model it is.")
    return kind


def _number(header: Header, key: str, called: str, otherwise: int = 0) -> int:
    value = header.values.get(key)
    number = value if type(value) is int and value > 0 else otherwise
    if not number:
        raise ModelError(f"{called} does not say its {key}.")
    return number


def _length(header: Header, key: str, called: str) -> int:
    value = header.values.get(key)
    if not isinstance(value, Array) or not value.length:
        raise ModelError(f"{called} has no {key}.")
    return value.length


def _text(header: Header, key: str) -> str:
    value = header.values.get(key)
    return value if isinstance(value, str) else ""


def _quantisation(header: Header) -> str:
    value = header.values.get("general.file_type")
    return _QUANTISATIONS.get(value, "unknown") if type(value) is int else "unknown"


def _plain(text: str) -> str:
    """One short line without control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line[:_LONGEST_TITLE] or "unknown"


def _name(stem: str) -> str:
    name = _UNKNOWN_NAME.sub("-", stem.lower()).strip("-._")[:_LONGEST_TITLE]
    return name or "model"
