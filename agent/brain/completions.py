"""OpenAI's two completion calls in words of our own: their JSON in, our request out; our pieces in, their JSON out. Pure.

Owns: which fields there are, their limits, and the sentence for each that is wrong.
Does not know: models, queues, HTTP or the clock. What would change an answer and is not supported is refused, never ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.brain import Piece, Request, Turn
from agent.errors import NotFoundError, RequestError

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_MOST_TURNS = 1000
_MOST_CHARACTERS = 1_000_000  # of all texts together; what the model takes is far less
_MOST_STOPS = 8
_LONGEST_STOP = 200
_HOUSE_NAMES = ("", "default", "nisse")  # for clients that must name a model and do not care which
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "echo": (False,),
    "suffix": ("",),
    "logprobs": (False, 0),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a client, understood."""

    chat: bool
    request: Request
    stream: bool = False
    usage: bool = False  # tell the counts at the end of a stream


def read(body: Mapping[str, Any], *, chat: bool, model: str) -> Call:
    """What the client asks.

    Args:
        body: The call's JSON object.
        chat: Whether it came to `/v1/chat/completions`, else to `/v1/completions`.
        model: The name of the model that is served.

    Raises:
        RequestError: A field is missing, wrong, or asks for what is not supported; `param` names it.
        NotFoundError: It asks for another model.
    """
    if _text(body, "model") not in (*_HOUSE_NAMES, model):
        raise NotFoundError(
            f"{body['model']!r} is not served here.", hint=f"Name {model!r}, or leave it out.", param="model"
        )
    _refuse_unsupported(body)
    asked = {"turns": _turns(body.get("messages"))} if chat else {"prompt": _prompt(body.get("prompt"))}
    request = Request(
        **asked,
        max_tokens=_integer(
            body, "max_completion_tokens" if _given(body, "max_completion_tokens") else "max_tokens", 1
        ),
        temperature=_number(body, "temperature", Request.temperature, 0, 2),
        top_p=_number(body, "top_p", Request.top_p, 0, 1),
        repeat_penalty=_number(body, "repeat_penalty", Request.repeat_penalty, 0.5, 2),
        frequency_penalty=_number(body, "frequency_penalty", 0.0, -2, 2),
        presence_penalty=_number(body, "presence_penalty", 0.0, -2, 2),
        seed=_integer(body, "seed", 0, 2**32 - 1),
        stop=_stop(body.get("stop")),
    )
    options = body.get("stream_options") or {}
    if not isinstance(options, Mapping):
        raise RequestError("stream_options must be an object.", param="stream_options")
    return Call(
        chat=chat, request=request, stream=_flag(body, "stream"), usage=_flag(options, "include_usage")
    )


@dataclass
class Writer:
    """Writes the answer to one call."""

    call: Call
    id: str
    model: str
    created: int  # seconds since 1970
    _begun: bool = field(default=False, init=False)

    def whole(self, pieces: Sequence[Piece]) -> dict[str, Any]:
        """The answer as one object."""
        text = "".join(piece.text for piece in pieces)
        last = pieces[-1]
        choice: dict[str, Any] = {"index": 0, "finish_reason": last.finish, "logprobs": None}
        choice |= {"message": {"role": "assistant", "content": text}} if self.call.chat else {"text": text}
        kind = "chat.completion" if self.call.chat else "text_completion"
        return {**self._head(kind), "choices": [choice], "usage": _usage(last)}

    def chunks(self, piece: Piece) -> list[dict[str, Any]]:
        """The objects of a stream that this piece makes; none for an empty one."""
        if not piece.text and not piece.finish:
            return []
        made = [self._chunk(piece.text, piece.finish or None)]
        if piece.finish and self.call.usage:
            made.append({**self._head(self._chunk_kind), "choices": [], "usage": _usage(piece)})
        return made

    @property
    def _chunk_kind(self) -> str:
        return "chat.completion.chunk" if self.call.chat else "text_completion"

    def _chunk(self, text: str, finish: str | None) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish, "logprobs": None}
        if self.call.chat:
            choice["delta"] = {"content": text} if self._begun else {"role": "assistant", "content": text}
        else:
            choice["text"] = text
        self._begun = True
        usage = {"usage": None} if self.call.usage else {}
        return {**self._head(self._chunk_kind), "choices": [choice], **usage}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def _usage(last: Piece) -> dict[str, Any]:
    return {
        "prompt_tokens": last.prompt_tokens,
        "completion_tokens": last.answer_tokens,
        "total_tokens": last.prompt_tokens + last.answer_tokens,
        "prompt_tokens_details": {"cached_tokens": last.reused_tokens},
    }


def _turns(messages: Any) -> tuple[Turn, ...]:
    if not isinstance(messages, list) or not messages:
        raise RequestError("messages must be a list of turns, with at least one.", param="messages")
    if len(messages) > _MOST_TURNS:
        raise RequestError(f"There are more than {_MOST_TURNS} messages.", param="messages")
    turns = tuple(_turn(message, f"messages[{index}]") for index, message in enumerate(messages))
    _limit(sum(len(turn.text) for turn in turns), "messages")
    return turns


def _turn(message: Any, param: str) -> Turn:
    if not isinstance(message, Mapping):
        raise RequestError(f"{param} must be an object with role and content.", param=param)
    role = _ROLES.get(str(message.get("role")))
    if role is None:
        raise RequestError(
            f"{param} has the role {message.get('role')!r}.",
            hint="Use system, user or assistant.",
            param=param,
        )
    return Turn(role=role, text=_content(message.get("content"), param))


def _content(content: Any, param: str) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [None]
    texts = [part.get("text") for part in parts if isinstance(part, Mapping) and part.get("type") == "text"]
    if len(texts) != len(parts) or not all(isinstance(text, str) for text in texts):
        raise RequestError(f"{param}.content must be text, or a list of parts of type text.", param=param)
    return "".join(str(text) for text in texts)


def _prompt(prompt: Any) -> str:
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str) or not prompt:
        raise RequestError("prompt must be one text that is not empty.", param="prompt")
    _limit(len(prompt), "prompt")
    return prompt


def _stop(stop: Any) -> tuple[str, ...]:
    words = [stop] if isinstance(stop, str) else [] if stop is None else stop
    right = isinstance(words, list) and len(words) <= _MOST_STOPS
    if not right or not all(isinstance(word, str) and 0 < len(word) <= _LONGEST_STOP for word in words):
        raise RequestError(
            f"stop must be a text or a list of at most {_MOST_STOPS}, each of 1 to {_LONGEST_STOP} characters.",
            param="stop",
        )
    return tuple(words)


def _refuse_unsupported(body: Mapping[str, Any]) -> None:
    for name, neutral in _NEUTRAL.items():
        if _given(body, name) and body[name] not in neutral:
            raise RequestError(f"{name} is not supported with this value.", hint="Leave it out.", param=name)


def _limit(characters: int, param: str) -> None:
    if characters > _MOST_CHARACTERS:
        raise RequestError(f"{param} has more than {_MOST_CHARACTERS} characters.", param=param)


def _given(body: Mapping[str, Any], name: str) -> bool:
    return body.get(name) is not None


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise RequestError(f"{name} must be text.", param=name)
    return value or ""


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise RequestError(f"{name} must be true or false.", param=name)
    return bool(value)


def _integer(body: Mapping[str, Any], name: str, low: int, high: int | None = None) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if (
        not isinstance(value, int)
        or isinstance(value, bool)
        or value < low
        or (high is not None and value > high)
    ):
        range_ = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise RequestError(f"{name} must be a whole number {range_}.", param=name)
    return value


def _number(body: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = body.get(name)
    if value is None:
        return default
    # Not-a-number fails the comparison too.
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise RequestError(f"{name} must be a number from {low} to {high}.", param=name)
    return float(value)
