"""A call to one of OpenAI's two completion routes, read.

Owns: which fields there are, and what each asks of the model.
Does not know: models, queues, HTTP or the clock, nor how the answer is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.brain import Request
from agent.brain.dialect import fields, messages
from agent.brain.dialect.tools import with_tools
from agent.errors import NotFoundError, RequestError

_HOUSE_NAMES = ("", "default", "nisse")  # for clients that must name a model and do not care which
_MOST_ANSWERS = 8
_MOST_STOPS = 8
_LONGEST_STOP = 200
_MOST_BIASES = 300
_MOST_LIKELIEST = 20
_MOST_TOKENS_OF_COMPLETION = 16  # unless asked otherwise: OpenAI's, and that of all who followed
_SEEDS = 2**32 - 1  # llama.cpp takes the one beyond for "any"
_PLACE = "%1"  # of the prompt in a template

# Read here or in `tools`.
_HONOURED = {
    "model", "stream", "stream_options", "max_tokens", "temperature", "top_p", "n", "stop", "seed", "frequency_penalty",
    "presence_penalty", "logit_bias", "logprobs", "response_format", "user", "safety_identifier",
    "top_k", "min_p", "repeat_penalty", "repeat_penality", "repeat_last_n", "prompt_batch_size", "reload",
}  # fmt: skip
_CHAT_ONLY = {
    "messages", "max_completion_tokens", "top_logprobs", "tools", "tool_choice", "parallel_tool_calls", "functions",
    "function_call",
}  # fmt: skip
_COMPLETION_ONLY = {"prompt", "best_of", "echo", "prompt_template"}
# They say how OpenAI should keep, bill or speed up a call, or (the last) how many threads GPT4All should use, which `fit` knows better.
_HARMLESS = {
    "service_tier", "store", "metadata", "prediction", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options",
    "thread_count",
}  # fmt: skip
# Known, not supported, and these are the values that ask for nothing.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "modalities": (["text"],),
    "audio": (),
    "reasoning_effort": ("none",),
    "verbosity": ("medium",),
    "web_search_options": (),
    "moderation": (),
    "suffix": ("",),
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a client, understood."""

    chat: bool
    requests: tuple[Request, ...]  # one per prompt
    n: int = 1  # answers to each
    echoes: tuple[str, ...] = ()  # told before the answers to each prompt
    stream: bool = False
    usage: bool = False  # tell the counts at the end of a stream
    person: str = ""  # for whom it comes
    reload: bool = False  # load the model anew before it answers


def read(body: Mapping[str, Any], *, chat: bool, names: Collection[str]) -> Call:
    """What the client asks.

    Args:
        body: The call's JSON object.
        chat: Whether it came to `/v1/chat/completions`, else to `/v1/completions`.
        names: The names of the model that is served, the first of them its proper one.

    Raises:
        RequestError: A field is missing, wrong, unknown, or asks for what is not supported; `param` names it.
        NotFoundError: It asks for another model.
    """
    _check_names(body, chat=chat)
    _check_model(body, names)
    prompts = ("",) if chat else _prompts(body.get("prompt"))
    n = _answers(body, len(prompts))
    requests: tuple[Request, ...]
    request = _with_format(_sampled(body, chat=chat), body)
    if chat:
        requests = (with_tools(replace(request, turns=messages.turns(body.get("messages"))), body),)
    else:
        requests = tuple(replace(request, prompt=each) for each in _templated(_template(body), prompts))
    options = fields.mapping(body.get("stream_options"), "stream_options")
    return Call(
        chat=chat,
        requests=requests,
        n=n,
        echoes=prompts if _echo(body, request) else (),
        stream=fields.flag(body, "stream"),
        usage=fields.flag(options, "include_usage"),
        person=fields.text(body, "user") or fields.text(body, "safety_identifier"),
        reload=fields.flag(body, "reload"),
    )


def _check_names(body: Mapping[str, Any], *, chat: bool) -> None:
    known = _HONOURED | _HARMLESS | _NEUTRAL.keys() | (_CHAT_ONLY if chat else _COMPLETION_ONLY)
    for name in body:
        if name not in known and fields.given(body, name):
            shown = name[:100]
            raise RequestError(
                f"Unrecognized request argument supplied: {shown}", hint="Leave it out.", param=shown
            )
    for name, neutral in _NEUTRAL.items():
        fields.only(body, name, neutral)


def _check_model(body: Mapping[str, Any], names: Collection[str]) -> None:
    asked = fields.text(body, "model")
    if asked not in (*_HOUSE_NAMES, *names):
        served = next(iter(names), "")
        raise NotFoundError(
            f"{asked!r} is not served here.", hint=f"Name {served!r}, or leave it out.", param="model"
        )


def _sampled(body: Mapping[str, Any], *, chat: bool) -> Request:
    penalty = "repeat_penalty" if fields.given(body, "repeat_penalty") else "repeat_penality"
    most = "max_completion_tokens" if fields.given(body, "max_completion_tokens") else "max_tokens"
    seed = fields.integer(body, "seed", -(2**63), 2**63 - 1)
    top_k = fields.integer(body, "top_k", 0, 10_000)
    look_back = fields.integer(body, "repeat_last_n", -1, 1_000_000)
    return Request(
        max_tokens=fields.integer(body, most, 1) or (None if chat else _MOST_TOKENS_OF_COMPLETION),
        temperature=fields.number(body, "temperature", Request.temperature, 0, 2),
        top_k=Request.top_k if top_k is None else top_k,
        top_p=fields.number(body, "top_p", Request.top_p, 0, 1),
        min_p=fields.number(body, "min_p", Request.min_p, 0, 1),
        repeat_penalty=fields.number(body, penalty, Request.repeat_penalty, 0.5, 2),
        repeat_last_n=Request.repeat_last_n if look_back is None else look_back,
        frequency_penalty=fields.number(body, "frequency_penalty", 0.0, -2, 2),
        presence_penalty=fields.number(body, "presence_penalty", 0.0, -2, 2),
        logit_bias=_biases(body.get("logit_bias")),
        seed=None if seed is None else seed % _SEEDS,
        stop=_stop(body.get("stop")),
        logprobs=_likeliest(body) if chat else fields.integer(body, "logprobs", 0, _MOST_LIKELIEST),
        chunk=fields.integer(body, "prompt_batch_size", 1, 1_000_000),
    )


def _likeliest(body: Mapping[str, Any]) -> int | None:
    wanted, most = fields.flag(body, "logprobs"), fields.integer(body, "top_logprobs", 0, _MOST_LIKELIEST)
    if most and not wanted:
        raise RequestError("top_logprobs needs logprobs to be true.", param="top_logprobs")
    return (most or 0) if wanted else None


def _biases(value: Any) -> tuple[tuple[int, float], ...]:
    biases = fields.mapping(value, "logit_bias")
    fields.limit(len(biases), "logit_bias", most=_MOST_BIASES)
    for token in biases:
        if not (token.isascii() and token.isdecimal() and len(token) < 10):
            raise RequestError(
                f"logit_bias names {token[:40]!r}, which is not the number of a token.", param="logit_bias"
            )
    return tuple((int(token), fields.number(biases, token, 0.0, -100, 100)) for token in biases)


def _stop(stop: Any) -> tuple[str, ...]:
    words = [stop] if isinstance(stop, str) else [] if stop is None else stop
    right = isinstance(words, list) and len(words) <= _MOST_STOPS
    if not right or not all(isinstance(word, str) and 0 < len(word) <= _LONGEST_STOP for word in words):
        raise RequestError(
            f"stop must be a text or a list of at most {_MOST_STOPS}, each of 1 to {_LONGEST_STOP} characters.",
            param="stop",
        )
    return tuple(fields.whole(word, "stop") for word in words)


def _with_format(request: Request, body: Mapping[str, Any]) -> Request:
    wanted = fields.mapping(body.get("response_format"), "response_format")
    kind = wanted.get("type", "text")
    if kind == "json_object":  # with a schema beside it, as llama.cpp's server takes it
        return replace(request, schema=fields.schema(wanted.get("schema"), "response_format.schema"))
    if kind == "json_schema":
        named = fields.mapping(wanted.get("json_schema"), "response_format.json_schema")
        if not fields.given(named, "schema"):
            raise RequestError(
                "response_format.json_schema has no schema.",
                hint="Use json_object for any JSON.",
                param="response_format",
            )
        return replace(request, schema=fields.schema(named["schema"], "response_format.json_schema.schema"))
    if kind != "text":
        raise RequestError(
            "response_format.type must be text, json_object or json_schema.", param="response_format"
        )
    return request


def _prompts(prompt: Any) -> tuple[str, ...]:
    prompts = prompt if isinstance(prompt, list) else [prompt]
    if not prompts or not all(isinstance(each, str) and each for each in prompts):
        raise RequestError(
            "prompt must be a text, or a list of texts, and none of them empty; numbers of tokens are not taken.",
            param="prompt",
        )
    fields.limit(sum(len(fields.whole(each, "prompt")) for each in prompts), "prompt")
    return tuple(prompts)


def _templated(template: str, prompts: tuple[str, ...]) -> tuple[str, ...]:
    before, _, after = template.partition(_PLACE)
    fields.limit(sum(len(before) + len(each) + len(after) for each in prompts), "prompt")
    return tuple(f"{before}{each}{after}" for each in prompts)


def _answers(body: Mapping[str, Any], prompts: int) -> int:
    n = fields.integer(body, "n", 1) or 1
    if n * prompts > _MOST_ANSWERS:
        raise RequestError(f"At most {_MOST_ANSWERS} answers at a time.", param="prompt" if n == 1 else "n")
    best = fields.integer(body, "best_of", 1)
    if best not in (None, n):
        raise RequestError("best_of is supported only where it equals n.", param="best_of")
    return n


def _template(body: Mapping[str, Any]) -> str:
    if not fields.given(body, "prompt_template"):
        return _PLACE
    template = fields.text(body, "prompt_template", longest=20_000)
    if template.count(_PLACE) != 1:
        raise RequestError(
            f"prompt_template must say with one {_PLACE} where the prompt stands.", param="prompt_template"
        )
    return template


def _echo(body: Mapping[str, Any], request: Request) -> bool:
    echo = fields.flag(body, "echo")
    if echo and request.logprobs is not None:
        raise RequestError(
            "echo with logprobs is not supported: those of a prompt are not told.", param="echo"
        )
    return echo
