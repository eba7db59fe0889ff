"""A request in OpenAI's words: each field where a server looks for it, and nothing that was not asked for."""

from __future__ import annotations

import pytest

from agent.brain import Request, Tool, ToolCall, Turn
from agent.brain.remote import asking
from agent.errors import RequestError

CHAT = (Turn(role="user", text="Hi"),)


def test_a_chat_asks_for_no_more_than_it_says() -> None:
    assert asking.body(Request(turns=CHAT), "big", extensions=False) == {
        "model": "big",
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.7,
        "top_p": 0.95,
        "messages": [{"role": "user", "content": "Hi"}],
    }
    assert asking.path(Request(turns=CHAT)) == "/chat/completions"


def test_every_field_has_its_place() -> None:
    request = Request(
        turns=CHAT, max_tokens=9, temperature=0, top_p=1, frequency_penalty=0.5, presence_penalty=-1, seed=7,
        stop=("a", "b"), logprobs=3, logit_bias=((5, -100.0),), top_k=20, min_p=0.1, repeat_penalty=1.2, repeat_last_n=32,
    )  # fmt: skip
    body = asking.body(request, "big", extensions=True)
    wanted = {
        "max_tokens": 9, "temperature": 0, "top_p": 1, "frequency_penalty": 0.5, "presence_penalty": -1, "seed": 7,
        "stop": ["a", "b"], "logprobs": True, "top_logprobs": 3, "logit_bias": {"5": -100.0}, "top_k": 20, "min_p": 0.1,
        "repeat_penalty": 1.2, "repetition_penalty": 1.2, "repeat_last_n": 32,
    }  # fmt: skip
    assert {name: body[name] for name in wanted} == wanted
    plain = asking.body(request, "big", extensions=False)
    assert set(body) - set(plain) == {
        "top_k",
        "min_p",
        "repeat_penalty",
        "repetition_penalty",
        "repeat_last_n",
    }


def test_a_bare_prompt_goes_to_the_other_route() -> None:
    request = Request(prompt="Once upon", logprobs=2)
    body = asking.body(request, "big", extensions=False)
    assert (body["prompt"], body["logprobs"]) == ("Once upon", 2)
    assert "messages" not in body
    assert asking.path(request) == "/completions"


@pytest.mark.parametrize(
    "request_", [Request(prompt="x", schema={}), Request(prompt="x", tools=(Tool(name="t"),))]
)
def test_what_openais_completions_have_no_words_for_is_not_asked(request_: Request) -> None:
    with pytest.raises(RequestError):
        asking.body(request_, "big", extensions=True)


def test_the_form_of_the_answer() -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}}
    body = asking.body(Request(turns=CHAT, schema=schema), "big", extensions=False)
    assert body["response_format"]["type"] == "json_schema"
    assert body["response_format"]["json_schema"]["schema"] == schema
    body = asking.body(Request(turns=CHAT, schema={}), "big", extensions=False)
    assert body["response_format"] == {"type": "json_object"}


def test_tools_and_what_was_called_before() -> None:
    tool = Tool(name="clock", description="The time.", parameters={"type": "object"})
    call = ToolCall(id="c1", name="clock", arguments='{"zone": "UTC"}')
    turns = (
        *CHAT,
        Turn(role="assistant", text="", calls=(call,)),
        Turn(role="tool", text="noon", call_id="c1"),
    )
    body = asking.body(Request(turns=turns, tools=(tool,), tool_choice="clock"), "big", extensions=False)
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "clock", "description": "The time.", "parameters": {"type": "object"}},
        }
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "clock"}}
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "clock", "arguments": '{"zone": "UTC"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "noon"},
    ]
    assert "parallel_tool_calls" not in body
    single = Request(turns=CHAT, tools=(tool,), parallel_calls=False)
    assert asking.body(single, "big", extensions=False)["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in asking.body(
        Request(turns=CHAT, parallel_calls=False), "big", extensions=False
    )
    for choice in ("auto", "none", "required"):
        request = Request(turns=CHAT, tools=(tool,), tool_choice=choice)
        assert asking.body(request, "big", extensions=False)["tool_choice"] == choice
