"""The remote runtime against a server on a real socket: what arrives, what is refused, what breaks, and who hangs up."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent import logs
from agent.brain import Asker, Options, Piece, Prompt, Request, Turn
from agent.brain.remote.place import Place
from agent.brain.remote.runtime import Remote
from agent.errors import ModelError, NisseError, RequestError, UnavailableError
from agent.settings import Secret
from tests.fakes.openai_server import OpenAIServer, said
from tests.live.running import until

HI = Request(turns=(Turn(role="user", text="Hi"),))
Makes = Callable[..., Remote]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def remote(server: OpenAIServer) -> Iterator[Makes]:
    """Makes runtimes for the server."""
    made: list[Remote] = []

    def make(*, patience: float = 20, queue: int = 24, **place: Any) -> Remote:
        made.append(Remote(Place(**{"url": server.url, **place}), Options(queue=queue), patience=patience))
        until(lambda: server.looks or not made[-1].health.well, 10, "the first look")
        until(lambda: made[-1].model or not made[-1].health.well, 10, "what it told")
        return made[-1]

    yield make
    for each in made:
        each.close()


def _ask(runtime: Remote, request: Request = HI) -> list[Piece]:
    with runtime.submit(runtime.prepare(request), Asker()) as answer:
        return [piece for piece in answer if piece.text or piece.finish or piece.tokens]


def _text(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def test_the_answer_comes_as_the_server_says_it(server: OpenAIServer, remote: Makes) -> None:
    server.chunks = said("Owls ", "hunt.", usage={"prompt_tokens": 3, "completion_tokens": 2})
    runtime = remote()
    pieces = _ask(runtime)
    assert [piece.text for piece in pieces] == ["Owls ", "hunt.", ""]
    assert (pieces[-1].finish, pieces[-1].prompt_tokens, pieces[-1].answer_tokens) == ("stop", 3, 2)
    assert server.asked[0]["path"] == "/v1/chat/completions"
    assert server.asked[0]["model"] == "big"  # the first that it lists
    assert runtime.context == 32768
    assert runtime.info()["well"]
    assert runtime.info()["answers"] == 1


def test_what_the_owner_set_goes_before_what_the_server_lists(server: OpenAIServer, remote: Makes) -> None:
    runtime = remote(model="small", context=1000)
    _ask(runtime)
    assert server.asked[0]["model"] == "small"
    assert runtime.context == 1000


def test_the_key_is_shown_and_printed_nowhere(
    server: OpenAIServer, remote: Makes, caplog: pytest.LogCaptureFixture
) -> None:
    server.key = "sk-hush-hush"
    runtime = remote(key=Secret("sk-hush-hush"))
    assert _text(_ask(runtime)) == "Owls hunt at night."
    server.status, server.said = 401, "Incorrect API key provided: sk-hush-hush."
    with pytest.raises(UnavailableError, match=r"401.*remote_key") as refused:
        _ask(runtime)
    for text in (str(refused.value), str(runtime.info()), logs.masked(caplog.text)):
        assert "hush" not in text


def test_a_strict_server_is_asked_without_extensions_from_then_on(
    server: OpenAIServer, remote: Makes
) -> None:
    server.strict = True
    runtime = remote()
    for _ in range(2):
        assert _text(_ask(runtime)) == "Owls hunt at night."
    assert ["top_k" in body for body in server.asked] == [True, False, False]
    assert not runtime.info()["extensions"]


def test_a_server_that_took_the_extensions_is_not_asked_twice(server: OpenAIServer, remote: Makes) -> None:
    runtime = remote()
    _ask(runtime)
    server.status, server.said = 400, "Too long."
    with pytest.raises(RequestError, match="Too long"):
        _ask(runtime)
    assert len(server.asked) == 2
    with pytest.raises(RequestError, match="Too long"):
        _ask(runtime, dataclasses.replace(HI, repeat_penalty=1.1))  # which it has not seen yet
    assert len(server.asked) == 4


def test_an_answer_ends_where_the_servers_context_does(server: OpenAIServer, remote: Makes) -> None:
    server.chunks = said(*["on and "] * 5000)
    pieces = _ask(remote(context=100))
    assert (len(pieces), pieces[-1].finish, pieces[-1].answer_tokens) == (101, "length", 100)


def test_a_wrong_request_is_the_requests_fault(server: OpenAIServer, remote: Makes) -> None:
    server.status, server.said = 400, "This model's maximum context length is 8 tokens."
    runtime = remote()
    with pytest.raises(RequestError, match="maximum context length is 8"):
        _ask(runtime)
    assert runtime.health.well
    assert runtime.info()["extensions"]  # that they were to blame is not known
    server.status = 0
    assert _text(_ask(runtime)) == "Owls hunt at night."


@pytest.mark.parametrize(
    ("status", "says"), [(500, "500"), (503, "503"), (404, "remote_model"), (429, "429"), (302, "302")]
)
def test_a_server_that_refuses_is_ill(server: OpenAIServer, remote: Makes, status: int, says: str) -> None:
    server.status = status
    runtime = remote()
    with pytest.raises(NisseError, match=says):
        _ask(runtime)
    assert not runtime.health.well
    assert says in runtime.info()["why"]
    assert runtime.info()["looks_again_in"] > 0


def test_a_busy_server_says_how_long(server: OpenAIServer, remote: Makes) -> None:
    server.status, server.retry_after = 429, "77"
    runtime = remote()
    with pytest.raises(UnavailableError):
        _ask(runtime)
    assert 60 < runtime.info()["looks_again_in"] <= 77


def test_one_that_dies_in_the_middle_has_said_what_it_said(server: OpenAIServer, remote: Makes) -> None:
    server.die_after = 1
    runtime = remote()
    heard: list[str] = []
    with pytest.raises(ModelError, match="broke"), runtime.submit(runtime.prepare(HI), Asker()) as answer:
        heard += [piece.text for piece in answer if piece.text]
    assert heard in (["Owls "], [])  # a reset may overtake what was sent before
    assert not runtime.health.well


@pytest.mark.parametrize("chunk", ["{", {"error": {"message": "Out of memory."}}, "<html>"])
def test_nonsense_is_no_answer(server: OpenAIServer, remote: Makes, chunk: Any) -> None:
    server.chunks = [chunk]
    runtime = remote()
    with pytest.raises(ModelError):
        _ask(runtime)
    assert not runtime.health.well


def test_a_list_that_is_none_makes_it_ill(server: OpenAIServer, remote: Makes) -> None:
    server.models = b"<html>Welcome to your router</html>"
    runtime = remote()
    until(lambda: not runtime.health.well, 10, "the illness")
    assert "no answer" in runtime.info()["why"]


def test_one_that_says_nothing_is_given_up(server: OpenAIServer, remote: Makes) -> None:
    runtime = remote(patience=0.3)
    server.holding.set()
    with pytest.raises(UnavailableError, match="too long"):
        _ask(runtime)
    assert server.hung_up.wait(5)


def test_nobody_there() -> None:
    runtime = Remote(Place(url="http://127.0.0.1:9/v1", model="big"), Options())
    with pytest.raises(UnavailableError, match="cannot be reached"):
        _ask(runtime)
    assert not runtime.health.well
    runtime.close()


def test_while_there_is_nothing_it_shows_that_it_lives(server: OpenAIServer, remote: Makes) -> None:
    runtime = remote()
    server.holding.set()
    answer = iter(runtime.submit(runtime.prepare(HI), Asker()))
    assert [next(answer) for _ in range(3)] == [Piece()] * 3
    server.holding.clear()
    assert "".join(piece.text for piece in answer) == "Owls hunt at night."


def test_whoever_hangs_up_the_server_hears_it(server: OpenAIServer, remote: Makes) -> None:
    runtime = remote()
    server.holding.set()
    answer = runtime.submit(runtime.prepare(HI), Asker())
    until(lambda: server.at_once, 5, "the question")
    closing = threading.Timer(0.1, answer.close)
    closing.start()
    assert not [piece for piece in answer if piece.finish]
    assert server.hung_up.wait(5)
    answer.close()
    until(lambda: runtime.queue().working == 0, 5, "the place")
    assert runtime.health.well  # that was not the server's fault


def test_sixteen_are_asked_at_once_more_wait_and_the_rest_is_refused(
    server: OpenAIServer, remote: Makes
) -> None:
    runtime = remote(queue=2)
    server.holding.set()
    prompt = runtime.prepare(HI)
    answers = [runtime.submit(prompt, Asker()) for _ in range(18)]
    until(lambda: server.at_once == 16, 10, "sixteen questions")
    assert (runtime.queue().working, runtime.queue().waiting) == (16, 2)
    with pytest.raises(UnavailableError, match="wait already"):
        runtime.submit(prompt, Asker())
    answers[17].close()
    server.holding.clear()
    for answer in answers[:17]:
        assert _text(list(answer)) == "Owls hunt at night."
    assert (runtime.queue().working, runtime.queue().waiting) == (0, 0)


def test_when_it_is_closed_all_answers_end(server: OpenAIServer, remote: Makes) -> None:
    runtime = remote(queue=2)
    server.holding.set()
    prompt = runtime.prepare(HI)
    answers = [runtime.submit(prompt, Asker()) for _ in range(18)]
    until(lambda: server.at_once == 16, 10, "sixteen questions")
    runtime.close()
    for answer in answers:
        with contextlib.suppress(ModelError):  # a line that was cut in the middle of a read says so
            assert not [piece for piece in answer if piece.finish]
    assert not asyncio.all_tasks(runtime._loop)
    with pytest.raises(UnavailableError):
        runtime.submit(Prompt(request=HI, tokens=()), Asker())
    runtime.close()


def test_it_is_looked_at_again_and_gets_well(
    server: OpenAIServer, remote: Makes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.brain.remote.health._FIRST_PAUSE_S", 0.2)
    server.look_status = 502
    runtime = remote(model="big")
    until(lambda: server.looks > 2, 20, "further looks")
    assert not runtime.health.well
    server.look_status = 0
    until(lambda: runtime.health.well, 20, "its recovery")
    assert runtime.health.failures  # only an answer shows that it works
    _ask(runtime)
    assert not runtime.health.failures


def test_while_nobody_asks_it_is_looked_at_now_and_then(
    server: OpenAIServer, remote: Makes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.brain.remote.runtime._IDLE_S", 0.2)
    runtime = remote()
    until(lambda: server.looks > 3, 20, "looks")
    server.look_status = 500
    until(lambda: not runtime.health.well, 20, "the illness")


def test_a_certificate_that_nobody_trusts_is_refused() -> None:
    import ssl

    import trustme

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with OpenAIServer() as server:
        server.encrypt(context)
        runtime = Remote(Place(url=server.url, model="big"), Options())
        with pytest.raises(UnavailableError, match="certificate is not trusted"):
            _ask(runtime)
        assert not server.asked
        runtime.close()


def test_the_estimate_follows_what_was_seen(server: OpenAIServer, remote: Makes) -> None:
    runtime = remote()
    before = runtime.queue().seconds
    for _ in range(12):
        _ask(runtime)
    assert 0 <= runtime.queue().seconds < before
    server.holding.set()
    fast = runtime.submit(runtime.prepare(HI), Asker()).seconds
    began = time.monotonic()
    threading.Timer(1.5, server.holding.clear).start()
    _ask(runtime)
    assert time.monotonic() - began > 1
    assert runtime.queue().seconds > fast
