"""The brain inside one's own process: found, loaded, asked, streamed, changed for another, and closed."""

from __future__ import annotations

import json
import string
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.brain import Engine, Options, Piece
from agent.brain.record import Record
from agent.errors import ModelError, NotFoundError, RequestError
from agent.models import catalogue
from agent.models.shelf import Shelf
from tests.conftest import CHAT_MODEL, COUNTING, repeating
from tests.fakes.runtime import ScriptedRuntime
from tests.live.running import until

pytestmark = pytest.mark.models

COUNT = [{"role": "user", "content": "Count to ten."}]
REPEAT = [{"role": "user", "content": repeating()}]


@pytest.fixture(scope="module")
def file(models: Path) -> Path:
    return Shelf(models).path(catalogue.load().find(CHAT_MODEL))


@pytest.fixture(scope="module")
def engine(file: Path) -> Iterator[Engine]:
    with Engine(file, context_window=1024, threads=2) as engine:
        yield engine


def test_an_answer_is_an_object_and_a_dictionary(engine: Engine) -> None:
    answer = engine.chat.completions.create(messages=COUNT, temperature=0, max_tokens=8)
    assert answer.choices[0].message.content.strip()
    assert answer["choices"][0]["message"]["content"] == answer.choices[0].message.content
    assert answer.object == "chat.completion"
    assert answer.model == CHAT_MODEL
    assert answer.usage.completion_tokens == 8
    assert answer.choices[0].finish_reason == "length"
    assert answer.choices[0].message.tool_calls is None
    plain = answer.model_dump()
    assert type(plain) is type(plain["choices"][0]) is dict
    assert json.loads(answer.model_dump_json()) == plain == answer
    with pytest.raises(AttributeError, match="no 'chioces'"):
        _ = answer.chioces


def test_a_stream_brings_the_same_words(engine: Engine) -> None:
    whole = engine.chat.completions.create(messages=REPEAT, temperature=0, max_tokens=24)
    stream = engine.chat.completions.create(
        messages=REPEAT, temperature=0, max_tokens=24, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert len(chunks) > 5


def test_a_stream_that_nobody_reads_on_frees_its_place(engine: Engine) -> None:
    with engine.chat.completions.create(messages=COUNT, max_tokens=900, stream=True) as stream:
        assert isinstance(next(stream), Record)
    assert list(stream) == []
    del stream
    stream = engine.chat.completions.create(messages=COUNT, max_tokens=900, stream=True)
    next(stream)
    del stream  # forgotten is as good as closed
    with engine.lease() as loaded:
        until(lambda: loaded.runtime.queue().working == 0, 10, "free places")


def test_gpt4locals_words_are_understood(engine: Engine) -> None:
    answer = engine.chat.completions.create(
        messages=[{"role": "user", "content": "Give me a JSON object with a name and an age."}],
        model=CHAT_MODEL, response_format={"type": "json_object"}, max_tokens=None, stop=None, temperature=0,
    )  # fmt: skip
    assert isinstance(json.loads(answer.choices[0].message.content), dict)
    stopped = engine.completions.create(prompt=COUNTING, temperature=0, max_tokens=12, stop=" 32")
    assert stopped.choices[0].text.strip().startswith("30, 31")
    assert stopped.choices[0].finish_reason == "stop"


def test_several_answers_at_once(engine: Engine) -> None:
    answer = engine.chat.completions.create(messages=COUNT, n=3, seed=7, max_tokens=6, temperature=1.5)
    assert len({choice.message.content for choice in answer.choices}) > 1

    def repeated(letters: str) -> str:
        asked = [{"role": "user", "content": repeating(letters)}]
        said = engine.chat.completions.create(messages=asked, temperature=0, max_tokens=8)
        return str(said.choices[0].message.content)

    forth = string.ascii_uppercase
    rows = [forth, forth[13:] + forth[:13], forth[19:] + forth[:19], forth[::-1]]
    alone = [repeated(row) for row in rows]
    assert [text[:1] for text in alone] == ["A", "N", "T", "Z"]
    with ThreadPoolExecutor(len(rows)) as threads:
        assert list(threads.map(repeated, rows, timeout=60)) == alone


def test_what_is_wrong_is_said(engine: Engine) -> None:
    with pytest.raises(RequestError, match="Unrecognized request argument supplied: colour"):
        engine.chat.completions.create(messages=COUNT, colour="red")
    with pytest.raises(RequestError, match="messages must be"):
        engine.chat.completions.create()
    with pytest.raises(RequestError, match="at most 1023"):
        engine.chat.completions.create(messages=[{"role": "user", "content": "owl " * 2000}])
    with pytest.raises(RequestError, match="reload"):
        engine.chat.completions.create(messages=COUNT, reload=True)
    with pytest.raises(RequestError, match="out of range"):
        Engine(context_window=0)


def test_a_model_is_found_by_its_name_its_file_and_a_files_name_in_a_folder(
    file: Path, tmp_path: Path
) -> None:
    (tmp_path / "owl.gguf").symlink_to(file)
    for name in (CHAT_MODEL, file, str(file), "owl", "owl.gguf"):
        with Engine(name, context_window=256, folder=tmp_path) as engine, engine.lease() as loaded:
            assert loaded.name == CHAT_MODEL


def test_a_model_that_is_not_there_is_said_with_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFoundError, match=r"'owl' not found.*owl\.gguf"):
        Engine("owl", folder=tmp_path)
    monkeypatch.setenv("NISSE_MODELS_FOLDER", str(tmp_path))
    with pytest.raises(NotFoundError, match=rf"is not here.*/v1/models/{CHAT_MODEL}/fetch"):
        Engine(CHAT_MODEL)
    (tmp_path / "owl.txt").write_text("hoo")
    with pytest.raises(NotFoundError, match=r"no runtime for owl\.txt"):
        Engine(tmp_path / "owl.txt")
    (tmp_path / "owl.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelError, match="does not load"):
        Engine(tmp_path / "owl.gguf")


def test_the_model_may_be_named_at_the_first_call_and_changed_at_another(file: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(100))
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(file.read_bytes())
    with Engine(context_window=256, folder=tmp_path) as engine:
        with pytest.raises(ModelError, match="No model is loaded"):
            engine.chat.completions.create(messages=COUNT)
        first = engine.chat.completions.create(messages=REPEAT, model=CHAT_MODEL, temperature=0, max_tokens=4)
        other = engine.chat.completions.create(messages=REPEAT, model="copy", temperature=0, max_tokens=4)
        assert (first.model, other.model) == (CHAT_MODEL, "copy")
        assert first.choices[0].message.content == other.choices[0].message.content
        with pytest.raises(NotFoundError):
            engine.chat.completions.create(messages=COUNT, model="nothing")
        assert engine.chat.completions.create(messages=COUNT, max_tokens=1).model == "copy"
        with pytest.raises(ModelError, match="does not load"):
            engine.chat.completions.create(messages=COUNT, model="broken")
        assert engine.chat.completions.create(messages=COUNT, model="copy", max_tokens=1).choices


def test_who_names_no_model_waits_while_it_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(ScriptedRuntime):
        def __init__(self, path: Path, _: Options) -> None:
            super().__init__(lambda _: iter([Piece(text=path.stem, finish="stop")]))
            if path.stem == "b":
                begun.set()
                go_on.wait(10)

    monkeypatch.setattr("agent.brain.inprocess._opener", lambda _: Slow)
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).touch()
    with Engine("a", folder=tmp_path) as engine, ThreadPoolExecutor() as others:
        change = others.submit(engine.chat.completions.create, messages=COUNT, model="b")
        assert begun.wait(10)
        unnamed = others.submit(engine.chat.completions.create, messages=COUNT)
        time.sleep(0.1)
        go_on.set()
        assert change.result(10).choices[0].message.content == "b"
        assert unnamed.result(10).choices[0].message.content == "b"


def test_a_closed_engine_answers_no_more(file: Path) -> None:
    engine = Engine(file, context_window=256)
    stream = engine.chat.completions.create(messages=COUNT, max_tokens=200, stream=True)
    next(stream)
    engine.close()
    with pytest.raises(ModelError):
        list(stream)
    with pytest.raises(ModelError, match="closed"):
        engine.chat.completions.create(messages=COUNT)
    engine.close()
