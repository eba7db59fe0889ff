"""What the soak test asks: a seeded mixture of good requests, broken ones, and clients that hang up.

Owns: the mixture, and which status each request may get.
Does not know: sockets, or what a right answer is.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

CHAT = "/v1/chat/completions"
COMPLETION = "/v1/completions"
HangUp = Literal["", "before", "within", "waiting", "reading"]
_JSON = {"Content-Type": "application/json"}

ANSWER = 20  # tokens of a greedy answer
PATTERN_ANSWER = 10
# No answer ends by itself: how likely the end was is not told, so an answer that ended at a near tie could not be told from a wrong one.
_NO_END = {"0": -100, "2": -100}  # SmolLM2's tokens that end an answer
_THINGS = (
    "hedge",
    "boiler",
    "bicycle",
    "oven",
    "piano",
    "sofa",
    "ladder",
    "tent",
    "fence",
    "freezer",
    "lamp",
    "stove",
)
_PEOPLE = ("Anna", "Bo", "Clara", "David", "Ester", "Holm")
_FORMS = (
    "What does {person} need to clean a {thing}?",
    "Count from {number} to {more}.",
    "Write the name {person} three times.",
    "Is a {thing} larger than a {other}?",
    "Repeat after me: the {thing} belongs to {person} and the {other} to nobody.",
    "Name a colour for the {thing}.",
    "Translate '{thing}' into French.",
    "Tell {person} how a {thing} works.",
)
_SYSTEMS = ("", "You are Nisse, the assistant of a household. Answer in one short sentence.")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One request."""

    kind: str
    method: str = "POST"
    path: str = CHAT
    headers: dict[str, str] = field(default_factory=lambda: dict(_JSON))
    body: bytes = b""
    statuses: frozenset[int] = frozenset({200})
    key: str = ""  # of the greedy answer that it must give; empty: any
    answers: int = 1
    stream: bool = False
    parses: bool = False  # the answer's text must be JSON
    calls: bool = False  # the answer must be a call of the tool
    hang_up: HangUp = ""


def questions(count: int, seed: int) -> list[str]:
    """Different questions, always the same for a seed."""
    chance = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        thing, other = chance.sample(_THINGS, 2)
        number = chance.randint(1, 80)
        text = chance.choice(_FORMS).format(
            thing=thing, other=other, person=chance.choice(_PEOPLE), number=number, more=number + 5
        )
        found[text] = None
    return list(found)


def greedy(question: str, *, system: str = "") -> dict[str, Any]:
    """The body of a request that has only one right answer."""
    turns = [{"role": "system", "content": system}] if system else []
    return {
        "messages": [*turns, {"role": "user", "content": question}],
        "temperature": 0,
        "max_tokens": ANSWER,
        "logit_bias": _NO_END,
    }


def patterns(count: int, seed: int) -> dict[str, dict[str, Any]]:
    """Texts that go on in a way which even a small model is sure of, by key."""
    chance = random.Random(seed)
    found: dict[str, dict[str, Any]] = {}
    while len(found) < count:
        words = chance.sample(_THINGS, 3)
        begin = chance.randint(1, 60)
        text = chance.choice(
            (
                " ".join(words * 5),
                ", ".join(str(begin + at) for at in range(9)) + ",",
                "\n".join(words * 4) + "\n",
            )
        )
        found[f"pattern {text}"] = {"prompt": text, "temperature": 0, "max_tokens": PATTERN_ANSWER}
    return found


def bodies(count: int, seed: int) -> dict[str, dict[str, Any]]:
    """Ordinary questions of a chat, by key: some share their beginning."""
    return {
        f"{number} {question}": greedy(question, system=_SYSTEMS[number % len(_SYSTEMS)])
        for number, question in enumerate(questions(count, seed))
    }


class Wishes:
    """The mixture."""

    def __init__(self, pool: dict[str, dict[str, Any]], seed: int) -> None:
        """The same pool and seed make the same requests in the same order."""
        self._pool = pool
        self._chance = random.Random(seed)

    def some(self, count: int) -> list[Wish]:
        """The next requests. A reload comes with about every fortieth."""
        kinds: list[tuple[int, Callable[[], Wish]]] = [
            (34, self._asked),
            (12, self._streamed),
            (6, self._several),
            (6, self._formatted),
            (4, self._tool),
            (4, self._told),
            (20, self._hung_up),
            (24, self._bad),
            (4, self._oversize),
            (3, self._reload),
        ]
        weights, makers = zip(*kinds, strict=True)
        return [maker() for maker in self._chance.choices(makers, weights, k=count)]

    def each(self) -> list[Wish]:
        """Every request that has a right answer, once."""
        return [
            Wish(
                kind="at the end",
                key=key,
                path=CHAT if "messages" in body else COMPLETION,
                body=json.dumps(body).encode(),
            )
            for key, body in self._pool.items()
        ]

    def _good(self, kind: str, more: dict[str, Any], *, needs_chat: bool = False, **facts: Any) -> Wish:
        chat = [key for key, body in self._pool.items() if "messages" in body]
        key = self._chance.choice(chat if needs_chat else list(self._pool))
        headers = dict(_JSON)
        if self._chance.random() < 0.3:
            headers["X-Nisse-Priority"] = "background"
        body = {**self._pool[key], **more}
        if self._chance.random() < 0.4:
            body["user"] = self._chance.choice(_PEOPLE)
        path = CHAT if "messages" in body else COMPLETION
        told = {"kind": kind, "key": key, "path": path, "body": json.dumps(body).encode(), "headers": headers}
        return Wish(**{**told, **facts})

    def _asked(self) -> Wish:
        return self._good("asked", {})

    def _streamed(self) -> Wish:
        return self._good(
            "streamed", {"stream": True, "stream_options": {"include_usage": True}}, stream=True
        )

    def _several(self) -> Wish:
        n = self._chance.randint(2, 3)
        return self._good("several answers", {"n": n}, answers=n)

    def _told(self) -> Wish:
        return self._good(
            "with likelihoods",
            {"logprobs": True, "top_logprobs": self._chance.randint(0, 5)},
            needs_chat=True,
        )

    def _formatted(self) -> Wish:
        schema = {
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 12},
                "count": {"type": "integer", "maximum": 99},
            },
            "required": ["name", "count"],
            "additionalProperties": False,
        }
        wanted = {"type": "json_schema", "json_schema": {"name": "thing", "schema": schema}}
        return self._good("by schema", {"response_format": wanted, "max_tokens": 80}, key="", parses=True)

    def _tool(self) -> Wish:
        tool = {
            "type": "function",
            "function": {
                "name": "look_up",
                "description": "Looks something up in the household's notes.",
                "parameters": {
                    "type": "object",
                    "properties": {"words": {"type": "string", "maxLength": 30}},
                    "required": ["words"],
                },
            },
        }
        more = {"tools": [tool], "tool_choice": "required", "max_tokens": 120}
        return self._good("with a tool", more, needs_chat=True, key="", calls=True)

    def _reload(self) -> Wish:
        return self._good("reload", {"reload": True})

    def _hung_up(self) -> Wish:
        where: HangUp = self._chance.choice(("before", "within", "waiting", "reading"))
        more = {"max_tokens": 200, "stream": self._chance.random() < 0.7}
        return self._good(f"hung up {where}", more, key="", hang_up=where, stream=more["stream"])

    def _oversize(self) -> Wish:
        words = " ".join(self._chance.choices(_THINGS, k=self._chance.choice((3_000, 20_000, 150_000))))
        body = {"messages": [{"role": "user", "content": words}], "max_tokens": 5}
        return Wish(kind="oversize prompt", body=json.dumps(body).encode(), statuses=frozenset({400}))

    def _bad(self) -> Wish:
        make = self._chance.choice(
            (
                self._no_json,
                self._wrong_field,
                self._wrong_field,
                self._wrong_field,
                self._wrong_place,
                self._too_large,
            )
        )
        return make()

    def _no_json(self) -> Wish:
        body = self._chance.choice(
            (
                b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe\x00", b'{"messages": [}', b"{'messages': []}", b"[" * 5_000,
                b'{"a":' * 3_000, b'{"messages": [{"role": "user", "content": "x"}]',
            )
        )  # fmt: skip
        return Wish(kind="no JSON", body=body, statuses=frozenset({400}))

    def _wrong_field(self) -> Wish:
        wrong: list[dict[str, Any]] = [
            {"messages": None}, {"messages": []}, {"messages": "Hello"}, {"messages": [1, 2]}, {"messages": [{}]},
            {"messages": [{"role": "wizard", "content": "x"}]}, {"messages": [{"role": "user", "content": {"a": 1}}]},
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            {"messages": [{"role": "user", "content": "\ud83d"}]}, {"messages": [{"role": "user", "content": "x" * 1_500_000}]},
            {"messages": [{"role": "user", "content": "x"}] * 5_000},
            {"max_tokens": 0}, {"max_tokens": -3}, {"max_tokens": "ten"}, {"max_tokens": 1.5}, {"max_tokens": True},
            {"temperature": "hot"}, {"temperature": 99}, {"temperature": float("nan")}, {"temperature": float("inf")},
            {"top_p": 2}, {"top_k": -1}, {"min_p": "x"}, {"n": 0}, {"n": 1_000_000}, {"n": "2"}, {"seed": "x"},
            {"stop": 5}, {"stop": [1]}, {"stop": ["x"] * 100}, {"stop": ["x" * 10_000]}, {"stream": "yes"},
            {"stream_options": []}, {"logprobs": 3}, {"top_logprobs": 3}, {"logit_bias": {"x": 1}}, {"logit_bias": [1]},
            {"tools": {}}, {"tools": [{}]}, {"tools": [{"type": "function", "function": {"name": "a b"}}]}, {"tool_choice": 7},
            {"tool_choice": "required"}, {"response_format": "json"}, {"response_format": {"type": "xml"}},
            {"response_format": {"type": "json_schema"}},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nonsense"}}}},
            {"repeat_penalty": -1}, {"reload": "now"}, {"unheard_of": 1}, {"x" * 200_000: 1}, {"user": 5},
            {"prompt_batch_size": 0}, {"frequency_penalty": 9}, {"logit_bias": {str(at): 1 for at in range(2_000)}},
        ]  # fmt: skip
        body = {**greedy("Hello"), **self._chance.choice(wrong)}
        return Wish(kind="wrong field", body=json.dumps(body).encode(), statuses=frozenset({400}))

    def _wrong_place(self) -> Wish:
        body = json.dumps(greedy("Hello")).encode()
        empty = json.dumps({"prompt": ""}).encode()
        named = json.dumps({**greedy("Hello"), "model": "gpt-9"}).encode()
        return self._chance.choice(
            [
                Wish(kind="wrong method", method="GET", statuses=frozenset({405})),
                Wish(kind="wrong method", method="DELETE", statuses=frozenset({405})),
                Wish(kind="wrong method", method="PATCH", body=body, statuses=frozenset({405})),
                Wish(kind="unknown route", path="/v1/nothing", body=body, statuses=frozenset({404})),
                Wish(kind="unknown route", path="/v1/models/gpt-9", method="GET", statuses=frozenset({404})),
                Wish(kind="unknown route", path="/" + "x" * 5_000, method="GET", statuses=frozenset({404})),
                Wish(kind="unknown model", body=named, statuses=frozenset({404})),
                Wish(kind="empty prompt", path=COMPLETION, body=empty, statuses=frozenset({400})),
                Wish(kind="no type", headers={"Content-Type": "text/plain"}, body=body, statuses=frozenset({400})),
                Wish(kind="web page", headers={**_JSON, "Origin": "http://evil"}, body=body, statuses=frozenset({403})),
                Wish(
                    kind="wrong priority", headers={**_JSON, "X-Nisse-Priority": "royal"}, body=body, statuses=frozenset({400})
                ),
                Wish(
                    kind="wrong key",
                    headers={**_JSON, "Authorization": "Bearer nisse-0000"},
                    body=body,
                    statuses=frozenset({401}),
                ),
            ]
        )  # fmt: skip

    def _too_large(self) -> Wish:
        body = b'{"messages": [{"role": "user", "content": "' + b"x" * 9_000_000 + b'"}]}'
        return Wish(kind="too large", body=body, statuses=frozenset({413}))
