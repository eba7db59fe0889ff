"""A request in the words of OpenAI's HTTP, as a server elsewhere reads it. Pure.

Owns: the body, and which of its fields are extensions that a server may not know.
Does not know: the server, nor what it answers.

What each server takes: vLLM `top_k`, `min_p` and `repetition_penalty`; llama-server and another Nisse `top_k`, `min_p`, `repeat_penalty`
and `repeat_last_n`; Ollama none of them, and it does not mind. A strict one answers 400 to what it does not know.
"""

from __future__ import annotations

from typing import Any

from agent.brain import Request, Tool, Turn
from agent.errors import RequestError


def path(request: Request) -> str:
    """The route, below the server's address."""
    return "/chat/completions" if request.turns else "/completions"


def body(request: Request, model: str, *, extensions: bool) -> dict[str, Any]:
    """The request as a JSON object.

    Args:
        request: What is asked.
        model: The server's name for its model.
        extensions: Also send what OpenAI's interface does not have.

    Raises:
        RequestError: OpenAI's interface has no words for it.
    """
    made = {"model": model, "stream": True, "stream_options": {"include_usage": True}, **_sampling(request)}
    if request.turns:
        made |= {"messages": [_message(turn) for turn in request.turns], **_form(request)}
    elif request.schema is not None or request.tools:
        raise RequestError("A bare prompt takes neither tools nor a form of the answer.")
    else:
        made["prompt"] = request.prompt
    return made | _extensions(request) if extensions else made


def extras(request: Request) -> frozenset[str]:
    """The fields that OpenAI's interface does not have."""
    return frozenset(_extensions(request))


def _sampling(request: Request) -> dict[str, Any]:
    made: dict[str, Any] = {"temperature": request.temperature, "top_p": request.top_p}
    given: dict[str, Any] = {
        "max_tokens": request.max_tokens,
        "frequency_penalty": request.frequency_penalty or None,
        "presence_penalty": request.presence_penalty or None,
        "seed": request.seed,
        "stop": list(request.stop) or None,
        "logit_bias": {str(token): bias for token, bias in request.logit_bias} or None,
    }
    if request.logprobs is not None:
        given |= (
            {"logprobs": True, "top_logprobs": request.logprobs or None}
            if request.turns
            else {"logprobs": request.logprobs}
        )
    return made | {name: value for name, value in given.items() if value is not None}


def _extensions(request: Request) -> dict[str, Any]:
    made: dict[str, Any] = {"top_k": request.top_k, "min_p": request.min_p}
    if request.repeat_penalty != 1:
        made |= {
            "repeat_penalty": request.repeat_penalty,
            "repetition_penalty": request.repeat_penalty,
            "repeat_last_n": request.repeat_last_n,
        }
    return made


def _form(request: Request) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if request.schema:
        named = {"name": "answer", "schema": dict(request.schema), "strict": True}
        made["response_format"] = {"type": "json_schema", "json_schema": named}
    elif request.schema is not None:
        made["response_format"] = {"type": "json_object"}
    if request.tools:
        made["tools"] = [_tool(tool) for tool in request.tools]
        made["tool_choice"] = (
            request.tool_choice
            if request.tool_choice in ("auto", "none", "required")
            else {"type": "function", "function": {"name": request.tool_choice}}
        )
        if not request.parallel_calls:
            made["parallel_tool_calls"] = False
    return made


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _message(turn: Turn) -> dict[str, Any]:
    if turn.role == "tool":
        return {"role": "tool", "tool_call_id": turn.call_id, "content": turn.text}
    if not turn.calls:
        return {"role": turn.role, "content": turn.text}
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in turn.calls
    ]
    return {"role": turn.role, "content": turn.text or None, "tool_calls": calls}
