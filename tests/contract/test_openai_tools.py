"""Tools as the official client offers them and reads their calls.

The smallest model calls a tool whatever it is asked, so nothing here depends on its judgement.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai import OpenAI, pydantic_function_tool
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel, Field

from tests.conftest import CHAT_MODEL

pytestmark = pytest.mark.models

MODEL = CHAT_MODEL
ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the weather in Oslo?"}]


def tool(name: str, **properties: Any) -> Any:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {
        "type": "function",
        "function": {"name": name, "description": f"Tells the {name}.", "parameters": parameters},
    }


WEATHER = tool("weather", place={"type": "string", "enum": ["Oslo", "Rome"]})
CLOCK = tool("clock", zone={"type": "integer"})


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_a_required_call_is_well_formed(ai: OpenAI, temperature: float) -> None:
    answer = ai.chat.completions.create(
        model=MODEL,
        messages=ASKED,
        tools=[WEATHER, CLOCK],
        tool_choice="required",
        temperature=temperature,
        seed=1,
        max_tokens=200,
    )
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    for call in choice.message.tool_calls or []:
        assert call.type == "function"
        assert call.id
        arguments = json.loads(call.function.arguments)
        if call.function.name == "weather":
            assert arguments["place"] in ("Oslo", "Rome")
        else:
            assert isinstance(arguments["zone"], int)
    assert choice.message.tool_calls


@pytest.mark.parametrize("name", ["weather", "clock"])
def test_the_named_tool_is_called(ai: OpenAI, name: str) -> None:
    answer = ai.chat.completions.create(
        model=MODEL,
        messages=ASKED,
        tools=[WEATHER, CLOCK],
        tool_choice={"type": "function", "function": {"name": name}},
        temperature=0,
        max_tokens=200,
    )
    [call] = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == name


def test_only_allowed_tools_are_called(ai: OpenAI) -> None:
    answer = ai.chat.completions.create(
        model=MODEL,
        messages=ASKED,
        tools=[WEATHER, CLOCK],
        tool_choice={
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "required",
                "tools": [{"type": "function", "function": {"name": "clock"}}],
            },
        },
        temperature=0,
        max_tokens=200,
    )
    calls = answer.choices[0].message.tool_calls or []
    assert {call.function.name for call in calls if call.type == "function"} == {"clock"}


def test_none_means_none(ai: OpenAI) -> None:
    answer = ai.chat.completions.create(
        model=MODEL, messages=ASKED, tools=[WEATHER], tool_choice="none", temperature=0, max_tokens=24
    )
    assert answer.choices[0].message.tool_calls is None
    assert answer.choices[0].message.content


def test_left_to_the_model_there_is_text_or_a_well_formed_call(ai: OpenAI) -> None:
    for seed in range(4):
        answer = ai.chat.completions.create(
            model=MODEL, messages=ASKED, tools=[WEATHER, CLOCK], temperature=1.0, seed=seed, max_tokens=120
        )
        choice = answer.choices[0]
        if choice.message.tool_calls:
            assert choice.finish_reason in ("tool_calls", "length")
            for call in choice.message.tool_calls:
                assert call.type == "function"
                assert call.function.name in ("weather", "clock")
                json.loads(call.function.arguments)
        else:
            assert choice.finish_reason in ("stop", "length")
            assert choice.message.content


def test_one_call_at_a_time_is_one_call(ai: OpenAI) -> None:
    for choice in ("required", "auto"):
        answer = ai.chat.completions.create(
            model=MODEL,
            messages=ASKED,
            tools=[WEATHER],
            tool_choice=choice,
            parallel_tool_calls=False,
            temperature=0,
            max_tokens=120,
        )
        assert len(answer.choices[0].message.tool_calls or []) <= 1
    assert answer.choices[0].finish_reason in ("tool_calls", "stop", "length")


def test_in_a_stream_a_call_comes_whole(ai: OpenAI) -> None:
    chunks = list(
        ai.chat.completions.create(
            model=MODEL,
            messages=ASKED,
            tools=[WEATHER],
            tool_choice="required",
            temperature=0,
            max_tokens=200,
            stream=True,
        )
    )
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    calls = [call for delta in deltas for call in delta.tool_calls or []]
    assert calls[0].index == 0
    assert calls[0].id
    assert calls[0].type == "function"
    assert calls[0].function
    assert calls[0].function.name == "weather"
    assert json.loads(calls[0].function.arguments or "")["place"] in ("Oslo", "Rome")
    assert not "".join(delta.content or "" for delta in deltas)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_the_clients_stream_helper_puts_calls_together(ai: OpenAI) -> None:
    with ai.chat.completions.stream(
        model=MODEL, messages=ASKED, tools=[WEATHER], tool_choice="required", temperature=0, max_tokens=200
    ) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        final = stream.get_final_completion()
    assert [event.name for event in done] == ["weather"]
    assert final.choices[0].message.tool_calls


def test_the_client_parses_arguments_into_a_model_of_the_callers(ai: OpenAI) -> None:
    class Weather(BaseModel):
        place: str = Field(max_length=20)
        days: int

    answer = ai.chat.completions.parse(
        model=MODEL,
        messages=ASKED,
        tools=[pydantic_function_tool(Weather, name="weather")],
        tool_choice="required",
        temperature=0,
        max_tokens=200,
    )
    [call] = answer.choices[0].message.tool_calls or []
    assert isinstance(call.function.parsed_arguments, Weather)


def test_the_result_goes_back_and_what_was_computed_is_used_again(ai: OpenAI) -> None:
    first = ai.chat.completions.create(
        model=MODEL, messages=ASKED, tools=[WEATHER], tool_choice="required", temperature=0, max_tokens=200
    )
    said = first.choices[0].message
    assert said.tool_calls
    result = {"role": "tool", "tool_call_id": said.tool_calls[0].id, "content": "Snow, 3 degrees below zero."}
    turns: list[Any] = [*ASKED, said.model_dump(), result]
    second = ai.chat.completions.create(
        model=MODEL, messages=turns, tools=[WEATHER], tool_choice="none", max_tokens=20
    )
    assert second.choices[0].message.content is not None

    again = ai.chat.completions.create(
        model=MODEL, messages=turns, tools=[WEATHER], temperature=0, max_tokens=20
    )
    assert again.usage
    assert again.usage.prompt_tokens_details
    assert first.usage
    reused = again.usage.prompt_tokens_details.cached_tokens or 0
    # The call stands in the next prompt letter by letter as it was made.
    assert reused >= first.usage.total_tokens - 3
