"""A model's record: what is written can be read, and what cannot be is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.errors import SettingsError
from agent.models import catalogue, recorded


def _row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = recorded.to_json(catalogue.load().models[0])
    return row | changes


def _file(**changes: Any) -> dict[str, Any]:
    return {**_row()["files"][0], **changes}


@pytest.mark.parametrize("model", catalogue.load().models, ids=lambda model: model.name)
def test_a_record_is_the_model_without_sources(model: catalogue.Model) -> None:
    row = json.loads(json.dumps(recorded.to_json(model)))
    assert recorded.from_json(row) == recorded.without_sources(model)


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        {},
        "text",
        _row(files=[]),
        _row(files="model.gguf"),
        _row(files=[None]),
        _row(files=[_file(sources=[])]),
        _row(files=[_file(name="../nisse.toml")]),
        _row(files=[_file(name="a/b")]),
        _row(files=[_file(sha256="0" * 63)]),
        _row(files=[_file(size=-1)]),
        _row(files=[_file(size=True)]),
        _row(files=[_file(size=1 << 60)]),
        _row(files=[_file(), _file()]),
        _row(files=[_file()] * 100),
        _row(name="sets"),
        _row(name="updates"),
        _row(name="..."),
        _row(name="A"),
        _row(role="king"),
        _row(title="x" * 1000),
        _row(memory="much"),
        _row(memory=0),
        _row(shape=None),
        _row(shape=[]),
        _row(shape={"layers": 2}),
        _row(shape={**_row()["shape"], "by_layer": ["much"]}),
        _row(shape={**_row()["shape"], "by_layer": [1] * 10_000}),
        _row(extra=1),
    ],
)
def test_what_cannot_be_is_refused(row: Any) -> None:
    with pytest.raises(SettingsError):
        recorded.from_json(row)
