"""The completion routes over a real socket, before a runtime that does what the test wants."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from flask import g

from agent.brain import Piece, Request, answering, embedder, models
from agent.errors import ModelError
from agent.models import catalogue
from agent.settings import Secret
from agent.wire import serve
from tests.conftest import CHAT_MODEL
from tests.fakes.runtime import Script, ScriptedLoader, ScriptedRuntime
from tests.live.running import until
from tests.live.served import Served

END = Piece(finish="stop", prompt_tokens=3, answer_tokens=2)
HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
CHAT = "/v1/chat/completions"


class Brain:
    """The routes, their scripted runtime, and a client."""

    def __init__(self, loader: ScriptedLoader, runtime: ScriptedRuntime, http: httpx.Client) -> None:
        self.loader = loader
        self.runtime = runtime
        self.http = http
        self.key_name = ""  # of the API key that callers show

    def chat(self, **more: Any) -> httpx.Response:
        return self.http.post(CHAT, json={**HELLO, **more})

    def events(self, **more: Any) -> list[Any]:
        """The data of a stream that is read to its end."""
        lines = self.chat(stream=True, **more).text.split("\n\n")
        data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        return [json.loads(line) if line != "[DONE]" else line for line in data]


def says(*pieces: Piece) -> Script:
    return lambda _: iter(pieces)


def for_ever(piece: Piece) -> Script:
    def script(_: Request) -> Iterator[Piece]:
        while True:
            time.sleep(0.02)
            yield piece

    return script


Start = Callable[..., AbstractContextManager[Brain]]


@pytest.fixture
def start() -> Start:
    @contextmanager
    def started(script: Script, **more: Any) -> Iterator[Brain]:
        runtime = ScriptedRuntime(script, **more)
        loader = ScriptedLoader(catalogue.load().find(CHAT_MODEL), runtime)
        app = serve.service("brain", "http://127.0.0.1:1", Secret(""), max_body=100_000, info=dict)
        answering.add_routes(app, loader)  # type: ignore[arg-type]
        with Served(app) as served, httpx.Client(base_url=served.url, trust_env=False) as http:
            brain = Brain(loader, runtime, http)
            app.before_request(lambda: setattr(g, "key_name", brain.key_name))
            yield brain
        until(lambda: loader.leases == 0, 30, "the model's release")

    return started


def test_a_whole_answer(start: Start) -> None:
    with start(says(Piece(), Piece(text="Good "), Piece(text="day"), END)) as brain:
        answer = brain.chat(user="anna")
        assert answer.json()["choices"][0]["message"]["content"] == "Good day"
        assert answer.json()["model"] == CHAT_MODEL
        assert answer.headers["X-Nisse-Answer-In"] == "7"
        _, asker = brain.runtime.asked[0]
        assert (asker.person, asker.priority) == ("anna", "interactive")
        assert all(each.closed.is_set() for each in brain.runtime.answers)


def test_a_stream(start: Start) -> None:
    with start(says(Piece(), Piece(text="Good "), Piece(text="day"), END)) as brain:
        events = brain.events(stream_options={"include_usage": True})
    assert events[-1] == "[DONE]"
    assert events[-2]["usage"]["total_tokens"] == 5
    assert [event["choices"][0]["delta"].get("content") for event in events[:-2]] == [
        "",
        "Good ",
        "day",
        None,
    ]


def test_the_headers_come_before_the_first_word(start: Start) -> None:
    with (
        start(for_ever(Piece())) as brain,
        brain.http.stream("POST", CHAT, json={**HELLO, "stream": True}) as answer,
    ):
        assert answer.headers["X-Nisse-Answer-In"] == "7"
        assert answer.headers["Content-Type"].startswith("text/event-stream")


def test_the_priority_is_passed_on(start: Start) -> None:
    with start(says(END)) as brain:
        brain.http.post(CHAT, json=HELLO, headers={"X-Nisse-Priority": "Background"})
        assert brain.runtime.asked[0][1].priority == "background"
        refused = brain.http.post(CHAT, json=HELLO, headers={"X-Nisse-Priority": "royal"})
        assert refused.json()["error"]["param"] == "X-Nisse-Priority"


def test_several_answers_have_seeds_of_their_own_and_come_as_they_grow(start: Start) -> None:
    spoken_by_others = threading.Semaphore(0)

    def script(request: Request) -> Iterator[Piece]:
        if request.seed == 5:  # the first one waits; the others must not wait with it
            assert all(spoken_by_others.acquire(timeout=30) for _ in range(2))
        yield Piece(text=f"seed {request.seed}")
        if request.seed != 5:  # what it said has been taken
            spoken_by_others.release()
        yield END

    with start(script) as brain:
        choices = brain.chat(n=3, seed=5).json()["choices"]
        assert [choice["message"]["content"] for choice in choices] == ["seed 5", "seed 6", "seed 7"]
        events = brain.events(n=3, seed=5)
        spoken = [event["choices"][0] for event in events[:-1] if event["choices"][0]["delta"].get("content")]
        assert spoken[-1]["index"] == 0
        assert {choice["index"]: choice["delta"]["content"] for choice in spoken}[2] == "seed 7"
        assert events[-1] == "[DONE]"


def test_a_full_queue_is_refused_before_a_stream_begins(start: Start) -> None:
    with start(says(END), places=1) as brain:
        refused = brain.chat(stream=True, n=2)
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "7"
        assert refused.json()["error"]["message"] == "Too many wait already."
        assert brain.runtime.answers[0].closed.is_set()


def test_however_many_ask_somebody_is_left_to_refuse_the_next(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "_MOST_OPEN", 2)
    streaming = {**HELLO, "stream": True}
    with start(for_ever(Piece(text="on and "))) as brain:
        with ExitStack() as open_calls:
            for _ in range(2):
                answer = open_calls.enter_context(brain.http.stream("POST", CHAT, json=streaming))
                assert answer.status_code == 200
            refused = brain.chat(stream=True)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "6")
            assert brain.http.get("/health").status_code == 200
        until(lambda: brain.loader.leases == 0, 30, "free places")
        with brain.http.stream("POST", CHAT, json=streaming) as answer:
            assert answer.status_code == 200


def test_who_waits_for_a_reload_counts_as_well(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "_MOST_OPEN", 1)
    reloading, go_on = threading.Event(), threading.Event()
    with start(says(END)) as brain, ThreadPoolExecutor() as others:

        def reload() -> None:
            reloading.set()
            go_on.wait(10)

        monkeypatch.setattr(brain.loader, "reload", reload)
        waiting = others.submit(brain.chat, reload=True)
        assert reloading.wait(10)
        assert brain.chat(reload=True).status_code == 503
        go_on.set()
        assert waiting.result(10).status_code == 200
        assert brain.chat().status_code == 200


def test_all_that_may_be_open_at_once_leaves_threads_free() -> None:
    for_embeddings = 1 + embedder._WAITING
    assert answering._MOST_OPEN + for_embeddings + models._STREAMS <= serve.THREADS - 3


def test_an_api_key_has_nobody_wait_for_a_reload(start: Start) -> None:
    with start(says(END)) as brain:
        brain.key_name = "laptop"
        refused = brain.chat(reload=True)
        assert (refused.status_code, refused.json()["error"]["param"]) == (403, "reload")
        assert brain.chat().status_code == 200
        assert brain.loader.reloads == 0


def test_while_there_is_no_model_its_absence_is_said(start: Start) -> None:
    with start(says(END)) as brain:
        brain.loader.runtime = None
        refused = brain.chat()
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "3")
        assert refused.json()["error"]["code"] == "model"


def breaks(_: Request) -> Iterator[Piece]:
    yield Piece(text="Go")
    raise ModelError("The model broke down.")


def errs(_: Request) -> Iterator[Piece]:
    yield Piece(text="Go")
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("script", "message", "status"),
    [
        (breaks, "The model broke down.", 503),
        (errs, "Something went wrong inside.", 500),
        (says(Piece(text="Go")), "The model stopped in the middle of an answer.", 503),
    ],
)
@pytest.mark.parametrize("n", [1, 2])
def test_who_waits_is_told_that_the_model_broke_down(
    start: Start, script: Script, message: str, status: int, n: int
) -> None:
    with start(script) as brain:
        whole = brain.chat(n=n)
        assert (whole.status_code, whole.json()["error"]["message"]) == (status, message)
        events = brain.events(n=n)
        assert events[-1]["error"]["message"] == message
        assert "[DONE]" not in events
        until(lambda: all(answer.closed.is_set() for answer in brain.runtime.answers), 30, "free places")


def test_who_has_nothing_to_hear_for_long_hears_that_the_line_is_alive(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "_HEARTBEAT_S", 0.05)

    def script(_: Request) -> Iterator[Piece]:
        for piece in [*[Piece()] * 10, END]:
            time.sleep(0.02)
            yield piece

    with start(script) as brain:
        assert ": still here\n\n" in brain.chat(stream=True).text


def test_a_reload_comes_before_the_answer_and_only_for_a_right_call(start: Start) -> None:
    with start(says(END)) as brain:
        assert brain.chat(reload=True, temperature=9).status_code == 400
        assert brain.chat(reload="yes").status_code == 400
        assert brain.loader.reloads == 0
        assert brain.chat(reload=True).status_code == 200
        assert brain.loader.reloads == 1


def test_an_answer_that_is_asked_of_no_model_in_vain_keeps_none(start: Start) -> None:
    with start(says(END)) as brain:
        wrong: list[dict[str, Any]] = [{"messages": []}, {**HELLO, "model": "gpt-9"}, {**HELLO, "tools": 3}]
        for body in wrong:
            assert brain.http.post(CHAT, json=body).status_code in (400, 404)
        assert brain.loader.leases == 0
        assert not brain.runtime.asked
