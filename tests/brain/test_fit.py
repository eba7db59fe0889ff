"""Which model suits which box."""

from __future__ import annotations

import pytest

from agent.brain import box, fit
from agent.errors import NotFoundError
from agent.models import catalogue

MODELS = catalogue.load()


@pytest.mark.parametrize(
    ("memory", "reserve", "name"),
    [
        (16_000, 1500, "qwen2.5-coder-1.5b-instruct-q4_k_m"),
        (3_900, 1500, "qwen2.5-coder-1.5b-instruct-q4_k_m"),
        (2_900, 1500, "qwen2.5-coder-0.5b-instruct-q4_k_m"),
        (1_950, 600, "qwen2.5-coder-0.5b-instruct-q4_k_m"),
        (950, 400, "smollm2-135m-instruct-q4_1"),
        (500, 1500, "smollm2-135m-instruct-q4_1"),
    ],
)
def test_the_largest_that_leaves_the_house_its_memory_is_chosen(memory: int, reserve: int, name: str) -> None:
    choice = fit.choose(MODELS, memory=memory, reserve=reserve, context=4096)
    assert choice.model.name == name


def test_a_box_too_small_for_any_gets_the_smallest_and_is_told() -> None:
    choice = fit.choose(MODELS, memory=500, reserve=1500, context=4096)
    assert "no model leaves 1500" in choice.why


def test_a_long_context_costs_memory_too() -> None:
    at_most = {
        context: fit.choose(MODELS, memory=3_600, reserve=1500, context=context).model.parameters
        for context in (4096, 32768)
    }
    assert at_most == {4096: 1544, 32768: 494}


def test_the_owners_word_goes_before_the_rule() -> None:
    large = "qwen2.5-coder-1.5b-instruct-q4_k_m"
    choice = fit.choose(MODELS, memory=1000, reserve=1500, context=4096, named=large)
    assert choice.model.name == large
    assert "though it needs" in choice.why


@pytest.mark.parametrize("name", ["gpt-9", "all-minilm-l6-v2"])
def test_a_name_that_cannot_chat_is_refused_with_those_that_can(name: str) -> None:
    with pytest.raises(NotFoundError, match="smollm2"):
        fit.choose(MODELS, memory=8000, reserve=1500, context=4096, named=name)


def test_stepping_down_goes_from_large_to_small() -> None:
    large = MODELS.of_role("chat")[0]
    assert [model.parameters for model in fit.smaller(MODELS, large)] == [494, 135]


def test_this_box_has_memory_and_cores() -> None:
    assert box.memory() > 100
    assert box.cores() >= 1
