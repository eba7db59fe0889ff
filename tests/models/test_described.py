"""A model's record from its own file."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import ModelError
from agent.models import catalogue, described, gguf_header, recorded
from agent.models.catalogue import Model
from tests.fakes import gguf


def test_a_file_describes_itself(tmp_path: Path) -> None:
    file = gguf.write(tmp_path / "Some Model.Q4.gguf")
    model = described.describe(file, file_name="model.gguf")
    assert (model.title, model.licence, model.context) == ("Noise", "CC0-1.0", 512)
    assert model.name == "model"
    assert model.files[0].size == file.stat().st_size
    assert model.shape
    assert (model.shape.layers, model.shape.kept, model.shape.vocabulary) == (2, 2 * 2 * 16, 3)


def test_the_record_of_a_described_model_can_be_read(tmp_path: Path) -> None:
    model = described.describe(gguf.write(tmp_path / "model.gguf"))
    assert recorded.from_json(recorded.to_json(model)) == model


def test_a_title_is_one_plain_line(tmp_path: Path) -> None:
    values = {**gguf.VALUES, "general.name": "A\nmodel\x1b[31m " + "x" * 500}
    model = described.describe(gguf.write(tmp_path / "model.gguf", values=values))
    assert model.title.startswith("A model [31m x")
    assert len(model.title) == 100


@pytest.mark.parametrize(
    "missing",
    ["general.architecture", "llama.block_count", "llama.context_length", "llama.attention.head_count"],
)
def test_a_file_that_lacks_a_figure_is_refused(tmp_path: Path, missing: str) -> None:
    values = {key: value for key, value in gguf.VALUES.items() if key != missing}
    with pytest.raises(ModelError):
        described.describe(gguf.write(tmp_path / "model.gguf", values=values))


def test_more_layers_than_can_be_are_refused(tmp_path: Path) -> None:
    values = {**gguf.VALUES, "llama.block_count": 100_000}
    with pytest.raises(ModelError, match="100000 layers"):
        described.describe(gguf.write(tmp_path / "model.gguf", values=values))


@pytest.mark.models
@pytest.mark.parametrize(
    "model", [each for each in catalogue.load().models if each.role == "chat"], ids=lambda each: each.name
)
def test_real_models_are_as_the_catalogue_says(model: Model, models: Path) -> None:
    path = models / model.name / model.files[0].name
    if not path.exists():
        pytest.skip("this one is not fetched for the tests")
    found = described.shape(gguf_header.read(path), path.name)
    assert model.shape
    for figure in ("layers", "embedding", "feed_forward", "vocabulary", "kept", "weights", "input_bytes"):
        assert getattr(found, figure) == getattr(model.shape, figure)
    assert abs(described.memory(found) - model.memory) <= model.memory // 10
