"""Chat completions as the official client asks for them and reads them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import pytest
from openai import LengthFinishReasonError, OpenAI, OpenAIError
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam
from pydantic import BaseModel, Field

from tests.conftest import CHAT_MODEL, repeating

pytestmark = pytest.mark.models

ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Count from one to ten."}]
SURE: list[ChatCompletionMessageParam] = [{"role": "user", "content": repeating()}]
MODEL = CHAT_MODEL


class Pet(BaseModel):
    """What the model is to fill in: at some length, since the smallest model comes to no end by itself."""

    name: str = Field(max_length=20)
    legs: int


PET_SCHEMA = Pet.model_json_schema() | {"additionalProperties": False}


def told(chunks: Iterable[ChatCompletionChunk], index: int = 0) -> str:
    return "".join(
        choice.delta.content or "" for chunk in chunks for choice in chunk.choices if choice.index == index
    )


def test_an_answer(ai: OpenAI) -> None:
    answer = ai.chat.completions.create(model=MODEL, messages=ASKED, max_completion_tokens=12, temperature=0)
    assert answer.object == "chat.completion"
    assert answer.model == MODEL
    [choice] = answer.choices
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.finish_reason == "length"
    assert answer.usage
    assert answer.usage.completion_tokens == 12
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 12


def test_a_stream_tells_the_same_with_its_counts_at_the_end(ai: OpenAI) -> None:
    whole = ai.chat.completions.create(model=MODEL, messages=SURE, max_tokens=24, temperature=0)
    stream = ai.chat.completions.create(
        model=MODEL,
        messages=SURE,
        max_tokens=24,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert told(chunks) == whole.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == "length"
    assert chunks[-1].choices == []
    assert chunks[-1].usage
    assert whole.usage
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert len({chunk.id for chunk in chunks}) == 1


def test_without_stream_options_no_counts_come(ai: OpenAI) -> None:
    chunks = list(ai.chat.completions.create(model=MODEL, messages=ASKED, max_tokens=3, stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_the_clients_own_stream_helper(ai: OpenAI) -> None:
    # It takes no answer that a limit cut short; so it is ended by a word.
    with ai.chat.completions.stream(model=MODEL, messages=ASKED, stop=["e", "1"], temperature=0) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert "".join(deltas) == final.choices[0].message.content


def test_stop_strings_end_the_answer_and_are_not_told(ai: OpenAI) -> None:
    whole = ai.chat.completions.create(model=MODEL, messages=SURE, max_tokens=24, temperature=0)
    said = whole.choices[0].message.content or ""
    word = said.split()[3]
    for stop in (word, [word, "never said"]):
        answer = ai.chat.completions.create(
            model=MODEL, messages=SURE, max_tokens=24, temperature=0, stop=stop
        )
        assert answer.choices[0].message.content == said[: said.index(word)]
        assert answer.choices[0].finish_reason == "stop"


def test_a_seed_brings_the_same_answer_again_and_another_brings_another(ai: OpenAI) -> None:
    # Of two digits that are about as likely, these two seeds draw the same even where one is more likely by a logarithm of 1:
    # more than other batches round otherwise.
    digits = {"33": 100, "34": 100}

    def said(seed: int) -> str | None:
        answer = ai.chat.completions.create(
            model=MODEL, messages=ASKED, max_tokens=12, temperature=1.5, top_p=1, seed=seed, logit_bias=digits,
            extra_body={"top_k": 0, "min_p": 0},
        )  # fmt: skip
        return answer.choices[0].message.content

    assert said(5) == said(5)
    assert said(15) == said(15)
    assert said(5) != said(15)


def test_several_answers_at_once(ai: OpenAI) -> None:
    many = ai.chat.completions.create(
        model=MODEL, messages=ASKED, max_tokens=12, temperature=1.5, seed=1, n=3
    )
    assert [choice.index for choice in many.choices] == [0, 1, 2]
    texts = [choice.message.content for choice in many.choices]
    assert len(set(texts)) == 3
    one = ai.chat.completions.create(model=MODEL, messages=ASKED, max_tokens=12, temperature=1.5, seed=1)
    assert many.usage
    assert one.usage
    assert many.usage.prompt_tokens == one.usage.prompt_tokens
    assert many.usage.completion_tokens <= 36

    chunks = list(
        ai.chat.completions.create(
            model=MODEL,
            messages=SURE,
            max_tokens=12,
            temperature=0,
            n=2,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert told(chunks, 0) == told(chunks, 1) != ""
    ended = [choice.index for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert sorted(ended) == [0, 1]
    assert chunks[-1].usage


def test_likelihoods(ai: OpenAI) -> None:
    answer = ai.chat.completions.create(
        model=MODEL, messages=SURE, max_tokens=6, temperature=0, logprobs=True, top_logprobs=3
    )
    assert answer.choices[0].logprobs
    rows = answer.choices[0].logprobs.content or []
    assert len(rows) == 6
    assert b"".join(bytes(row.bytes or []) for row in rows).decode() == answer.choices[0].message.content
    for row in rows:
        assert len(row.top_logprobs) == 3
        # At temperature 0 the likeliest is chosen.
        assert row.logprob == pytest.approx(max(each.logprob for each in row.top_logprobs))
        assert 0 < sum(math.exp(each.logprob) for each in row.top_logprobs) <= 1.0001

    bare = ai.chat.completions.create(model=MODEL, messages=ASKED, max_tokens=6, temperature=0, logprobs=True)
    assert bare.choices[0].logprobs
    assert [row.top_logprobs for row in bare.choices[0].logprobs.content or []] == [[]] * 6

    chunks = list(
        ai.chat.completions.create(
            model=MODEL,
            messages=SURE,
            max_tokens=6,
            temperature=0,
            logprobs=True,
            top_logprobs=3,
            stream=True,
        )
    )
    streamed = [
        row
        for chunk in chunks
        for choice in chunk.choices
        if choice.logprobs
        for row in choice.logprobs.content or []
    ]
    assert [row.token for row in streamed] == [row.token for row in rows]


def test_a_bias_keeps_tokens_away(ai: OpenAI) -> None:
    def next_token(**more: Any) -> str:
        answer = ai.completions.create(
            model=MODEL, prompt="1 2 3 4 5 6 7", max_tokens=2, temperature=0, **more
        )
        return str(answer.choices[0].text)

    assert any(digit in next_token() for digit in "0123456789")
    # The vocabulary begins with single characters, the digits among them.
    kept_away = next_token(logit_bias={str(token): -100 for token in range(300)})
    assert not any(digit in kept_away for digit in "0123456789")


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_a_json_object_always_parses(ai: OpenAI, temperature: float) -> None:
    for seed in range(3):
        answer = ai.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Describe a cat as JSON."}],
            response_format={"type": "json_object"},
            temperature=temperature,
            seed=seed,
            max_tokens=200,
        )
        if answer.choices[0].finish_reason == "stop":
            assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)


def test_a_json_schema_is_kept_to(ai: OpenAI) -> None:
    answer = ai.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Name a dog."}],
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "pet", "schema": PET_SCHEMA, "strict": True},
        },
        temperature=1.0,
        seed=4,
        max_tokens=200,
    )
    assert Pet.model_validate_json(answer.choices[0].message.content or "")


def test_the_client_parses_into_a_model_of_the_callers(ai: OpenAI) -> None:
    answer = ai.chat.completions.parse(
        model=MODEL,
        messages=[{"role": "user", "content": "A dog named Rex has how many legs?"}],
        response_format=Pet,
        temperature=0,
        max_tokens=200,
    )
    assert isinstance(answer.choices[0].message.parsed, Pet)
    with pytest.raises(LengthFinishReasonError):
        ai.chat.completions.parse(model=MODEL, messages=ASKED, response_format=Pet, max_tokens=2)


def test_the_clients_stream_helper_parses_too(ai: OpenAI) -> None:
    with ai.chat.completions.stream(
        model=MODEL,
        messages=[{"role": "user", "content": "Name a dog."}],
        response_format=Pet,
        temperature=0,
        max_tokens=200,
    ) as stream:
        for _ in stream:
            pass
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Pet)


def test_parts_and_developers_are_taken(ai: OpenAI) -> None:
    answer = ai.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "Say "}, {"type": "text", "text": "hello."}],
            },
        ],
        max_tokens=4,
    )
    assert answer.choices[0].message.content is not None


def test_what_changes_no_answer_is_accepted(ai: OpenAI) -> None:
    harmless: dict[str, Any] = {
        "user": "anna", "safety_identifier": "anna", "service_tier": "auto", "store": False, "metadata": {"a": "b"},
        "prompt_cache_key": "k", "modalities": ["text"], "parallel_tool_calls": True,
        "prediction": {"type": "content", "content": "one"},
    }  # fmt: skip
    assert ai.chat.completions.create(model=MODEL, messages=ASKED, max_tokens=2, **harmless).choices


def test_a_conversation_goes_on_from_what_was_computed(ai: OpenAI) -> None:
    first = ai.chat.completions.create(model=MODEL, messages=ASKED, max_tokens=16, temperature=0)
    said = first.choices[0].message
    turns: list[Any] = [*ASKED, said.model_dump(), {"role": "user", "content": "Go on."}]
    second = ai.chat.completions.create(model=MODEL, messages=turns, max_tokens=4)
    assert second.usage
    assert second.usage.prompt_tokens_details
    assert first.usage
    assert (second.usage.prompt_tokens_details.cached_tokens or 0) >= first.usage.prompt_tokens


def test_the_raw_answer_says_how_long_the_wait_was_to_be(ai: OpenAI) -> None:
    raw = ai.chat.completions.with_raw_response.create(model=MODEL, messages=ASKED, max_tokens=2)
    assert int(raw.headers["X-Nisse-Answer-In"]) >= 0
    assert raw.parse().choices


def test_the_models_are_listed(ai: OpenAI) -> None:
    listed = {model.id: model for model in ai.models.list()}
    assert MODEL in listed
    assert ai.models.retrieve(MODEL).id == MODEL
    with pytest.raises(OpenAIError):
        ai.models.retrieve("gpt-9")
