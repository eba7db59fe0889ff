"""The embedder that works in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from agent.embed import embedding
from agent.errors import ModelError
from agent.recall import apart
from agent.recall.apart import Apart
from tests.recall.another import OWN


@pytest.mark.models
def test_it_gives_the_same_vectors_as_at_home(models: Path) -> None:
    texts = ["The boiler is in the cellar.", "Ängeln bor i skogen."]
    file = models / OWN / "model.onnx"
    with Apart(file) as far:
        assert far.dimensions == 384
        assert np.allclose(far.embed(texts), embedding.load(file).embed(texts), atol=1e-6)
        assert far.embed([]).shape == (0, 384)


def children() -> set[int]:
    told = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=True
    ).stdout
    return {int(line.split()[0]) for line in told.splitlines() if apart.__name__ in line}


@pytest.mark.models
def test_it_dies_first_and_alone(models: Path) -> None:
    before = children()
    with Apart(models / OWN / "model.onnx") as far:
        (child,) = children() - before
        assert Path(f"/proc/{child}/oom_score_adj").read_text().strip() == "1000"
        os.kill(child, signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(ModelError, match="broke down"):
                far.embed(["anybody there?"])
    assert children() == before


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"no model")
    with pytest.raises(ModelError, match="does not load"):
        Apart(file)
    with pytest.raises(ModelError, match="No embedder reads"):
        Apart(Path(__file__))


@pytest.mark.parametrize(
    "says",
    [
        "",
        "no json",
        "[]",
        '{"dimensions": 0}',
        '{"dimensions": true}',
        '{"dimensions": 2}\\n{"vectors": "AAAA"}',
        '{"dimensions": 1}\\n{"vectors": "AADAfw=="}',  # not a number
        '{"dimensions": 1}\\n{"vectors": "AAAAQA=="}',  # of length 2
        '{"dimensions": 1}\\n{"vectors": 7}',
    ],
)
def test_what_is_no_answer_is_refused(says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "child"
    program.write_text(f"#!/bin/sh\nprintf '{says}\\n'\ncat >/dev/null\n", encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setattr(apart.sys, "executable", str(program))  # type: ignore[attr-defined]
    with pytest.raises(ModelError), Apart(tmp_path) as far:
        far.embed(["text"])
