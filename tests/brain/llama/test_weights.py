"""Text in tokens, by a real vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import llama_cpp
import pytest

from agent.brain import Options, Turn
from agent.brain.llama.weights import Weights
from agent.errors import RequestError
from agent.models import catalogue
from agent.models.shelf import Shelf
from tests.conftest import CHAT_MODEL

pytestmark = pytest.mark.models

TEXTS = [
    "",
    "owl " * 50,
    "a" * 999,
    " " * 999,
    "\n" * 400,
    "ö漢" * 99,
    "<|im_end|>" * 60,
    "<|im_start|>x\n\n" * 9,
]


@pytest.fixture(scope="module")
def weights(models: Path) -> Iterator[Weights]:
    opened = Weights(Shelf(models).path(catalogue.load().find(CHAT_MODEL)), Options(context=512))
    yield opened
    opened.close()


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_has_fewer_tokens_than_it_was_said_to_have_at_least(weights: Weights, text: str) -> None:
    assert weights._lengths.fewest(text) <= len(weights.tokenise(text, begin=False))


def test_what_is_far_too_long_is_refused_before_it_is_cut(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> NoReturn:
        raise AssertionError

    monkeypatch.setattr(llama_cpp, "llama_tokenize", cut)
    for text in ("<|im_end|>" * 512, "x" * 900_000):
        with pytest.raises(RequestError, match="far too long") as refused:
            weights.tokenise(text, begin=True)
        assert refused.value.param == "prompt"
    with pytest.raises(RequestError, match="far too long") as refused:
        weights.chat([Turn(role="user", text="x" * 900_000)])
    assert refused.value.param == "messages"
