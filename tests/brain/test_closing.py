"""A model given back while somebody is using it: it stays as long as the library is at it, and whoever comes later is told so."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import llama_cpp
import pytest

from agent.brain import Asker, Options, Request
from agent.brain.gguf import Runtime
from agent.brain.llama import engine
from agent.brain.llama.context import Context
from agent.brain.llama.grammar import Rules
from agent.brain.llama.obeying import Grammar
from agent.brain.llama.weights import Weights
from agent.errors import ModelError
from agent.models import catalogue
from agent.models.shelf import Shelf
from tests.conftest import CHAT_MODEL
from tests.live.running import until
from tests.source_tree import CHECKOUT

pytestmark = pytest.mark.models

OPTIONS = Options(context=512, threads=1, sequences=4, parallel=2, use_mmap=False)
LONG = Request(
    prompt="owl " * 400, schema={"type": "object"}
)  # so long that the vocabulary is looked through
AT_THE_LIBRARY = ["llama_vocab_get_text", "llama_tokenize", "llama_sampler_init_grammar"]


@pytest.fixture(scope="module")
def path(models: Path) -> Path:
    return Shelf(models).path(catalogue.load().find(CHAT_MODEL))


@pytest.fixture
def freed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The models that were given back. In truth they are after the test: one that fails shall not end the whole run."""
    freed: list[Any] = []
    free = llama_cpp.llama_model_free
    monkeypatch.setattr(llama_cpp, "llama_model_free", freed.append)
    yield freed
    for pointer in freed:
        free(pointer)


class Slow:
    """One of the library's functions, in which whoever calls it stays until the test lets him go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self._real = getattr(llama_cpp, name)
        self.entered, self.may_go = threading.Event(), threading.Event()
        monkeypatch.setattr(llama_cpp, name, self)

    def __call__(self, *given: Any) -> Any:
        self.entered.set()
        assert self.may_go.wait(20)
        return self._real(*given)


@pytest.mark.parametrize("function", AT_THE_LIBRARY)
def test_the_model_stays_while_the_library_is_at_it_and_answers_end_at_once(
    path: Path, freed: list[Any], monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    runtime = Runtime(path, OPTIONS)
    endless = Request(prompt="owl " * 20, max_tokens=400, temperature=0.0)
    growing = iter(runtime.submit(runtime.prepare(endless), Asker()))
    until(lambda: next(growing).text, 60, "an answer that grows")
    slow = Slow(monkeypatch, function)
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(lambda: runtime.submit(runtime.prepare(LONG), Asker()))
        assert slow.entered.wait(20)
        closing = pool.submit(runtime.close)
        try:
            with pytest.raises(ModelError, match="in the middle of an answer"):
                list(growing)
            time.sleep(0.5)  # in which the model must not go
            gone = list(freed)
        finally:
            slow.may_go.set()
        with pytest.raises(ModelError, match="being changed"):
            asking.result(20)
        closing.result(20)
    assert not gone
    assert len(freed) == 1


def test_who_comes_after_the_end_is_told_so(path: Path, freed: list[Any]) -> None:
    weights = Weights(path, OPTIONS)
    weights.close()
    for text in ("owl", LONG.prompt):
        with pytest.raises(ModelError, match="being changed"):
            weights.tokenise(text, begin=True)
    with pytest.raises(ModelError, match="being changed"):
        Grammar(weights, Rules('root ::= "owl"'))
    weights.close()
    assert len(freed) == 1


def test_a_load_that_is_broken_off_gives_nothing_back_under_the_engine(
    path: Path, freed: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    computing, gone = threading.Event(), []

    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> NoReturn:  # noqa: ARG002 - as the real one
            computing.wait(20)
            raise KeyboardInterrupt

    def step(*_: object) -> NoReturn:
        computing.set()
        time.sleep(0.5)  # a large file from a slow card
        gone.append(bool(freed))
        raise ModelError("It was broken off.")

    parts = SimpleNamespace(Condition=threading.Condition, Thread=threading.Thread, Event=Interrupted)
    monkeypatch.setattr(engine, "threading", parts)
    monkeypatch.setattr(Context, "step", step)
    with pytest.raises(KeyboardInterrupt):
        Runtime(path, OPTIONS)
    until(lambda: gone, 20, "the end of the step")
    assert gone == [False]
    assert len(freed) == 1


_CLOSED_WHILE_PREPARING = """
import sys, threading
from agent.brain import Engine
from agent.brain.llama import weights
from agent.errors import ModelError

preparing, closed, disarmed = threading.Event(), threading.Event(), weights.disarmed

def slow(text, words):
    preparing.set()
    assert closed.wait(20)
    return disarmed(text, words)

def ask():
    try:
        engine.chat.completions.create(messages=[{"role": "user", "content": "owl " * 400}])
    except ModelError as refused:
        print(refused.message)

engine = Engine(sys.argv[1], context_window=512, threads=1)
weights.disarmed = slow
asking = threading.Thread(target=ask)
asking.start()
assert preparing.wait(20)
engine.close()
closed.set()
asking.join(20)
"""


def test_a_process_outlives_a_model_that_goes_while_a_question_is_prepared(path: Path) -> None:
    command = [sys.executable, "-c", _CLOSED_WHILE_PREPARING, str(path)]
    done = subprocess.run(command, cwd=CHECKOUT, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "The model is being changed.\n"), done.stderr
