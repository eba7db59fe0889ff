"""Plain completions as the official client asks for them and reads them."""

from __future__ import annotations

import json

import pytest
from openai import OpenAI

from tests.conftest import CHAT_MODEL, COUNTING

pytestmark = pytest.mark.models

MODEL = CHAT_MODEL


def test_a_prompt_is_gone_on_with(ai: OpenAI) -> None:
    answer = ai.completions.create(model=MODEL, prompt=COUNTING, max_tokens=12, temperature=0, stop=" 32")
    [choice] = answer.choices
    assert answer.object == "text_completion"
    assert choice.text.strip().startswith("30, 31")
    assert "32" not in choice.text
    assert choice.finish_reason == "stop"
    assert answer.usage
    assert answer.usage.completion_tokens <= 12


def test_unless_asked_otherwise_it_goes_on_for_sixteen_tokens(ai: OpenAI) -> None:
    answer = ai.completions.create(model=MODEL, prompt=COUNTING, temperature=0)
    assert answer.usage
    assert answer.usage.completion_tokens == 16
    assert answer.choices[0].finish_reason == "length"


def test_a_stream_tells_the_same_with_its_counts_at_the_end(ai: OpenAI) -> None:
    whole = ai.completions.create(model=MODEL, prompt=COUNTING, max_tokens=12, temperature=0)
    chunks = list(
        ai.completions.create(
            model=MODEL,
            prompt=COUNTING,
            max_tokens=12,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == whole.choices[0].text
    assert chunks[-1].usage
    assert chunks[-1].usage == whole.usage or chunks[-1].usage.completion_tokens == 12


def test_several_prompts_and_several_answers_to_each(ai: OpenAI) -> None:
    prompts = [COUNTING, "10, 20, 30, 40, 50,"]
    many = ai.completions.create(model=MODEL, prompt=prompts, n=2, best_of=2, max_tokens=6, temperature=0)
    alone = [
        ai.completions.create(model=MODEL, prompt=prompt, max_tokens=6, temperature=0).choices[0].text
        for prompt in prompts
    ]
    assert [choice.index for choice in many.choices] == [0, 1, 2, 3]
    assert [choice.text for choice in many.choices] == [alone[0], alone[0], alone[1], alone[1]]


def test_the_prompt_is_echoed(ai: OpenAI) -> None:
    answer = ai.completions.create(model=MODEL, prompt=COUNTING, max_tokens=4, temperature=0, echo=True)
    assert answer.choices[0].text.startswith(COUNTING)
    stream = ai.completions.create(
        model=MODEL, prompt=COUNTING, max_tokens=4, temperature=0, echo=True, stream=True
    )
    assert "".join(chunk.choices[0].text for chunk in stream) == answer.choices[0].text


def test_likelihoods(ai: OpenAI) -> None:
    answer = ai.completions.create(model=MODEL, prompt=COUNTING, max_tokens=5, temperature=0, logprobs=2)
    told = answer.choices[0].logprobs
    assert told
    assert told.tokens
    assert told.token_logprobs
    assert told.text_offset
    assert told.top_logprobs
    assert "".join(told.tokens) == answer.choices[0].text
    for token, offset, logprob, likeliest in zip(
        told.tokens, told.text_offset, told.token_logprobs, told.top_logprobs, strict=True
    ):
        assert answer.choices[0].text[offset:].startswith(token)
        assert likeliest[token] == pytest.approx(logprob)
        assert logprob == max(likeliest.values())


def test_a_form_of_the_answer_is_kept_to_here_as_well(ai: OpenAI) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    answer = ai.completions.create(
        model=MODEL,
        prompt="Seven as JSON:",
        max_tokens=60,
        temperature=0,
        extra_body={
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
        },
    )
    assert isinstance(json.loads(answer.choices[0].text)["n"], int)


def test_an_answer_ends_with_the_context_and_says_so(ai: OpenAI) -> None:
    answer = ai.completions.create(model=MODEL, prompt="owl " * 1900, temperature=0, max_tokens=4000)
    assert answer.usage
    assert answer.usage.total_tokens <= 2048
    assert answer.choices[0].finish_reason in ("length", "stop")
