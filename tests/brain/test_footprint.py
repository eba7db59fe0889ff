"""The memory that is foretold, against what llama.cpp says and what a process really takes."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.brain import Options, gguf
from agent.brain.fit.footprint import foretell
from agent.brain.gguf import Runtime
from agent.errors import ModelError
from agent.models import catalogue
from agent.models.catalogue import Model
from agent.models.shape import Shape
from agent.models.shelf import Shelf
from tests.conftest import CHAT_MODEL, MODELS_FOLDER
from tests.live.running import CHECKOUT

CHAT = catalogue.load().of_role("chat")
HERE = tuple(model for model in CHAT if Shelf(MODELS_FOLDER).installed(model))
SHAPE = Shape(
    layers=4, embedding=8, feed_forward=16, vocabulary=1000, kept=8, weights=4_100, input_bytes=2_000,
    output_bytes=1_000, by_layer=(100, 200, 300, 400),
)  # fmt: skip

SMALL, LARGER = (
    [model for model in CHAT if model.name == CHAT_MODEL],
    [model for model in HERE if model.name != CHAT_MODEL],
)

every_model = pytest.mark.parametrize("model", [*SMALL, *LARGER], ids=lambda model: model.name)


def _options(context: int, kv_type: str = "f16") -> Options:
    return Options(context=context, cells=context, threads=2, kv_type=kv_type, use_mmap=False)


def _file(model: Model) -> Path:
    return Shelf(MODELS_FOLDER).path(model)


@pytest.mark.models
@every_model
def test_the_catalogue_says_of_a_model_what_its_file_says(models: Path, model: Model) -> None:
    read = gguf.shape(_file(model))
    assert model.shape == dataclasses.replace(read, by_layer=())
    assert sum(read.by_layer) <= read.weights - read.input_bytes - read.output_bytes


@pytest.mark.models
@pytest.mark.parametrize(("kv_type", "batch"), [("f16", 512), ("q8_0", 128)])
@every_model
def test_the_buffers_are_to_the_megabyte_those_that_llama_says(
    models: Path, model: Model, kv_type: str, batch: int
) -> None:
    options = dataclasses.replace(_options(2048, kv_type), batch=batch)
    runtime = Runtime(_file(model), options)
    try:
        buffers = runtime.info()["buffers"]
    finally:
        runtime.close()
    foretold = foretell(gguf.shape(_file(model)), options)
    said = {
        kind: sum(size for name, size in buffers.items() if name.endswith(kind)) / 1e6
        for kind in ("model", "KV", "compute", "output")
    }
    assert foretold.weights == pytest.approx(said["model"], abs=1.1)
    assert foretold.cells == pytest.approx(said["KV"], abs=1.1)
    assert foretold.compute == pytest.approx(said["compute"] + said["output"], abs=2)


@pytest.mark.models
@pytest.mark.parametrize(
    ("model", "context", "kv_type"),
    [
        *((model, 2048, "f16") for model in SMALL),
        *((model, 8192, "f16") for model in SMALL),
        *((model, 4096, "q8_0") for model in (*SMALL, *LARGER)),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_process_takes_what_was_foretold_within_a_tenth(
    models: Path, model: Model, context: int, kv_type: str
) -> None:
    options = _options(context, kv_type)
    given = {key: value for key, value in dataclasses.asdict(options).items() if key != "saved"}
    command = [sys.executable, "-m", "tests.live.resident", str(_file(model)), json.dumps(given)]
    done = subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, text=True, timeout=280)
    resident = json.loads(done.stdout.splitlines()[-1])["resident"] / 1e6
    assert foretell(gguf.shape(_file(model)), options).box == pytest.approx(resident, rel=0.1)


def test_layers_go_onto_a_card_from_the_last_on_and_the_output_first() -> None:
    assert [SHAPE.last(count) for count in range(5)] == [0, 400, 700, 900, 1000]
    alike = dataclasses.replace(SHAPE, by_layer=())
    assert [alike.last(count) for count in range(5)] == [0, 275, 550, 825, 1100]


def test_what_lies_on_a_card_does_not_lie_in_the_box() -> None:
    shape = CHAT[0].shape
    assert shape
    options = _options(4096)
    alone, half, whole = (foretell(shape, options, on_card=count) for count in (0, 15, shape.layers + 1))
    assert alone.card == 0
    for split in (half, whole):
        assert split.weights + split.card_weights == pytest.approx(alone.weights, abs=1)
        assert split.cells + split.card_cells == pytest.approx(alone.cells, abs=1)
    assert whole.cells == 0
    assert whole.weights == pytest.approx(shape.input_bytes / 1e6, abs=1)


def test_a_table_that_serves_both_ends_lies_in_both_places() -> None:
    shape = CHAT[-1].shape
    assert shape
    assert not shape.output_bytes
    whole = foretell(shape, _options(4096), on_card=shape.layers + 1)
    assert whole.weights + whole.card_weights == pytest.approx(
        (shape.weights + shape.input_bytes) / 1e6, abs=2
    )


def test_cells_stay_in_the_box_if_the_owner_wants_it_so() -> None:
    shape = CHAT[0].shape
    assert shape
    options = dataclasses.replace(_options(4096), offload_kqv=False)
    whole = foretell(shape, options, on_card=shape.layers + 1)
    assert whole.card_cells == 0
    assert whole.cells == foretell(shape, options).cells


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF" + bytes(2000), b"PK\x03\x04" * 100])
def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "odd.gguf"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"odd\.gguf is no model file"):
        gguf.shape(file)
