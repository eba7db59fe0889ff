"""The header of a GGUF file, of honest ones and of spoilt ones."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from agent.errors import ModelError
from agent.models import gguf_header
from agent.models.gguf_header import Array
from tests.fakes import gguf

_PLACE_OF_TENSORS, _PLACE_OF_VALUES = 8, 16


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return gguf.write(tmp_path / "model.gguf", size=4096)


def _spoilt(model: Path, at: int, form: str, value: int) -> str:
    data = bytearray(model.read_bytes())
    struct.pack_into(form, data, at, value)
    model.write_bytes(data)
    with pytest.raises(ModelError) as refused:
        gguf_header.read(model)
    return refused.value.message


def test_it_says_what_the_file_says(model: Path) -> None:
    header = gguf_header.read(model)
    assert header.values["general.architecture"] == "llama"
    assert header.values["llama.block_count"] == 2
    assert header.values["tokenizer.ggml.tokens"] == Array(8, 3)
    assert header.tensors[0].name == "token_embd.weight"
    last = header.tensors[-1]
    assert header.begin + last.offset + last.size == model.stat().st_size


def test_a_file_that_lacks_its_last_byte_is_refused(model: Path) -> None:
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(ModelError, match="it ends too early"):
        gguf_header.read(model)


@pytest.mark.parametrize("length", [0, 3, 23, 24, 100, 400])
def test_a_file_that_ends_within_its_header_is_refused(model: Path, length: int) -> None:
    model.write_bytes(model.read_bytes()[:length])
    with pytest.raises(ModelError, match="is no model file"):
        gguf_header.read(model)


def test_another_format_is_refused(model: Path) -> None:
    assert "it does not begin as one" in _spoilt(model, 0, "<I", 0)


def test_an_unknown_version_is_refused(model: Path) -> None:
    assert "its version is 9" in _spoilt(model, 4, "<I", 9)


def test_more_tensors_than_any_model_has_are_refused(model: Path) -> None:
    assert "tensors" in _spoilt(model, _PLACE_OF_TENSORS, "<Q", 1 << 60)


def test_more_values_than_any_model_has_are_refused(model: Path) -> None:
    assert "things of itself" in _spoilt(model, _PLACE_OF_VALUES, "<Q", 1 << 60)


def test_a_text_longer_than_the_file_is_refused(model: Path) -> None:
    assert "a text of" in _spoilt(model, 24, "<Q", 1 << 62)


def test_tensors_upon_each_other_are_refused(model: Path) -> None:
    data = model.read_bytes()
    begin = data.index(b"blk.0.attn_q.weight") + len(b"blk.0.attn_q.weight") + 4 + 8 + 4
    assert "lies upon another" in _spoilt(model, begin, "<Q", 0)


def test_a_tensor_of_an_unknown_kind_is_refused(model: Path) -> None:
    data = model.read_bytes()
    begin = data.index(b"blk.0.attn_q.weight") + len(b"blk.0.attn_q.weight") + 4 + 8
    assert "unknown kind 99" in _spoilt(model, begin, "<I", 99)


def test_no_change_of_one_byte_does_more_than_be_refused(model: Path) -> None:
    sound = model.read_bytes()
    chance = random.Random(7)
    for _ in range(500):
        data = bytearray(sound)
        data[chance.randrange(700)] = chance.randrange(256)
        model.write_bytes(data)
        try:
            header = gguf_header.read(model)
        except ModelError:
            continue
        assert all(header.begin + each.offset + each.size <= len(sound) for each in header.tensors)
