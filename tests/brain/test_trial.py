"""Candidates of every kind in the child that tries them: what is told of each, and that none of them outlives its trial."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent.brain import Options, trial, trial_watch
from agent.brain.deaths import Deaths
from agent.brain.fit import Box, Wish
from agent.brain.loading import Loader
from agent.brain.supply import Supply
from agent.brain.trial import Asked, Trials
from agent.errors import ConflictError, RequestError
from agent.models import catalogue, recorded
from agent.models.catalogue import Catalogue, Model
from agent.models.shelf import Shelf
from tests.conftest import CHAT_MODEL, EMBEDDER
from tests.live.running import until

pytestmark = pytest.mark.models

GIGABYTE = 1_000_000_000
CANDIDATES = Path(__file__).parents[1] / "fakes" / "candidates"
PROMPTS = [{"prompt": "What is the capital of France?", "max_tokens": 12}, {"prompt": "And of Italy?", "max_tokens": 12}]  # fmt: skip


@pytest.fixture
def small(models: Path) -> Path:
    return Shelf(models).path(catalogue.load().find(CHAT_MODEL))


@pytest.fixture
def badly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(CANDIDATES))


def _watch(path: Path, *, seconds: float = 120, most: int = GIGABYTE, **more: Any) -> trial_watch.Outcome:
    options = dataclasses.asdict(Options(context=512, threads=1, use_mmap=False))
    job = {"path": str(path), "role": "chat", "options": options, "prompts": PROMPTS}
    outcome = trial_watch.watch(job, seconds=seconds, most_memory=most, **more)
    assert [
        child for child in psutil.Process().children() if "trial_child" in " ".join(child.cmdline())
    ] == []
    return outcome


def _as(kind: str, small: Path, folder: Path) -> Path:
    path = folder / f"{kind}.gguf"
    path.symlink_to(small)
    return path


def test_a_good_candidate_tells_its_figures(small: Path) -> None:
    outcome = _watch(small)
    assert (outcome.ended, outcome.why) == ("well", "")
    assert outcome.alone  # it had no network
    assert len(outcome.answers) == 2
    for answer in outcome.answers:
        assert answer["text"].strip()
        assert 0 < answer["tokens"] <= 12
        assert 0 < answer["first_token_s"] <= answer["seconds"]
    assert 90_000_000 < outcome.peak < GIGABYTE
    assert outcome.load_s > 0


def test_the_same_question_gets_the_same_answer(small: Path) -> None:
    first, second = _watch(small), _watch(small)
    assert [each["text"] for each in first.answers] == [each["text"] for each in second.answers]


@pytest.mark.parametrize(
    ("kind", "ended", "why"),
    [("crashing", "crashed", "SIGABRT"), ("dying", "crashed", "SIGSEGV"), ("hanging", "hung", "3 s")],
)
@pytest.mark.usefixtures("badly")
def test_one_that_crashes_or_hangs_is_told_of(
    small: Path, tmp_path: Path, kind: str, ended: str, why: str
) -> None:
    outcome = _watch(_as(kind, small, tmp_path), seconds=3 if kind == "hanging" else 120)
    assert outcome.ended == ended
    assert why in outcome.why


@pytest.mark.usefixtures("badly")
def test_one_that_leaks_is_killed_before_it_takes_more_than_it_may(small: Path, tmp_path: Path) -> None:
    outcome = _watch(_as("leaking", small, tmp_path), most=500_000_000)
    assert outcome.ended in ("too_much_memory", "crashed")  # killed by us, or refused by the kernel
    assert outcome.peak < 1_000_000_000


@pytest.mark.usefixtures("badly")
def test_one_that_rambles_or_dawdles_is_measured(small: Path, tmp_path: Path) -> None:
    slow = _watch(_as("dawdling", small, tmp_path))
    rambling = _watch(_as("rambling", small, tmp_path))
    assert all(each["seconds"] > 0.5 for each in slow.answers)  # it sleeps that long at least
    assert "#@!" in rambling.answers[0]["text"]


def test_one_that_ends_before_it_has_heard_its_job_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    outcome = trial_watch.watch(
        {"prompts": ["more than a pipe holds" * 10_000]}, seconds=120, most_memory=GIGABYTE
    )
    gc.collect()  # a pipe that was left open would warn now
    assert outcome.ended == "crashed"


def test_what_is_no_model_does_not_load(tmp_path: Path) -> None:
    path = tmp_path / "junk.gguf"
    path.write_bytes(b"GGUF" + bytes(2000))
    outcome = _watch(path)
    assert outcome.ended == "does_not_load"
    assert "junk.gguf" in outcome.why


def test_one_for_which_nobody_waits_any_more_is_given_up(small: Path) -> None:
    assert _watch(small, gone=lambda: True).ended == "given_up"


def test_a_candidate_has_neither_network_nor_files_nor_the_houses_secrets(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spying = tmp_path / "spying"
    spying.mkdir()
    (spying / "sitecustomize.py").write_text(
        "import sys\n"
        "if any('trial_child' in word for word in sys.orig_argv):\n"
        "    import os, socket\n"
        "    from agent.brain import gguf\n"
        "    from agent.errors import ModelError\n"
        "    def runtime(path, options):\n"
        "        told = []\n"
        "        try: socket.socket(); told.append('network')\n"
        "        except OSError: pass\n"
        f"        try:\n            with open({str(tmp_path / 'left')!r}, 'w') as file: file.write('x')\n"
        "            told.append('files')\n"
        "        except OSError: pass\n"
        "        told += [name for name in os.environ if name.startswith('NISSE_')]\n"
        "        told.append(open('/proc/self/oom_score_adj').read().strip())\n"
        "        raise ModelError(' '.join(told))\n"
        "    gguf.Runtime = runtime\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(spying))
    monkeypatch.setenv("NISSE_BRAIN_TOKEN", "secret")
    assert _watch(small).why == "1000"


def test_an_embedder_is_tried_by_what_it_puts_together(models: Path) -> None:
    path = Shelf(models).path(catalogue.load().find(EMBEDDER))
    prompts = [{"prompt": "a cat", "near": "a kitten", "far": "the law of taxes"}]
    job = {"path": str(path), "role": "embed", "options": {}, "prompts": prompts}
    outcome = trial_watch.watch(job, seconds=120, most_memory=GIGABYTE)
    assert (outcome.ended, outcome.dimensions) == ("well", 384)
    assert outcome.answers[0]["near"] > outcome.answers[0]["far"]
    assert outcome.answers[0]["length"] == pytest.approx(1, abs=1e-3)


# --- beside the model that answers, or in its place


@contextlib.contextmanager
def _loader(shelf: Shelf, known: Model, memory: int) -> Iterator[Loader]:
    deaths = Deaths(shelf.folder.parent / "serving.json", conditions="")
    box = Box(board="A box", memory=memory, cores=1, fast_cores=1)
    wish = Wish(context=512, parallel=1, reserve=0)
    loader = Loader(Supply(Catalogue((known,)), shelf), wish, look=lambda: box, deaths=deaths)
    loader.start()
    try:
        until(lambda: loader.loaded, 60, "the model")
        yield loader
    finally:
        loader.close()


@pytest.fixture
def shelf(tmp_path: Path, small: Path) -> Shelf:
    known = catalogue.load().find(CHAT_MODEL)
    shelf = Shelf(tmp_path / "models")
    for model in (known, _candidate(known)):
        path = shelf.path(model)
        path.parent.mkdir(parents=True)
        shutil.copyfile(small, path)
        assert shelf.adopt(model)
    return shelf


def _candidate(known: Model) -> Model:
    return recorded.without_sources(dataclasses.replace(known, name="candidate", title="Candidate"))


def _asked(**more: Any) -> Asked:
    model = _candidate(catalogue.load().find(CHAT_MODEL))
    return Asked(**{"model": model, "prompts": tuple(PROMPTS), "seconds": 120.0, "most_memory": 0, **more})


def test_where_memory_suffices_for_both_the_model_goes_on_answering(shelf: Shelf) -> None:
    with _loader(shelf, catalogue.load().find(CHAT_MODEL), 4000) as loader:
        before = loader.loaded
        told = Trials(loader).run(_asked())
        assert (told["ended"], told["lent"]) == ("well", False)
        assert told["foretold"] > 90
        assert loader.loaded is before


def test_where_it_does_not_the_model_makes_room_and_comes_back_and_who_asks_waits(shelf: Shelf) -> None:
    with _loader(shelf, catalogue.load().find(CHAT_MODEL), 400) as loader:
        told: list[dict[str, Any]] = []
        trying = threading.Thread(target=lambda: told.append(Trials(loader).run(_asked())))
        trying.start()
        until(lambda: loader.own is None, 60, "the room")
        assert "I try another model" in loader.state
        with loader.lease(120) as held:
            assert held.model.name == CHAT_MODEL
        trying.join(60)
        assert (told[0]["ended"], told[0]["lent"]) == ("well", True)


def test_the_memory_comes_back_also_where_whoever_borrowed_it_does_not_say_so(shelf: Shelf) -> None:
    with _loader(shelf, catalogue.load().find(CHAT_MODEL), 400) as loader:
        borrowing = loader.lending.borrowed(2.0)
        borrowing.__enter__()
        assert loader.own is None
        until(lambda: loader.own, 60, "the model")


def test_what_this_box_cannot_carry_is_not_even_begun(shelf: Shelf) -> None:
    with _loader(shelf, catalogue.load().find(CHAT_MODEL), 4000) as loader:
        loader._box = Box(board="A box", memory=150, cores=1, fast_cores=1)
        told = Trials(loader).run(_asked())
        assert told["ended"] == "too_much_memory"
        assert "this box can spare 150" in told["why"]


def test_one_at_a_time_and_only_what_is_on_the_shelf(shelf: Shelf) -> None:
    with _loader(shelf, catalogue.load().find(CHAT_MODEL), 4000) as loader:
        trials = Trials(loader)
        trials._one.acquire()
        with pytest.raises(ConflictError, match="Another model is being tried"):
            trials.run(_asked())
        shelf.path(_asked().model).unlink()
        with pytest.raises(ConflictError, match="not on the shelf"):
            trials.run(_asked())


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": {"name": "x"}}, "model"),
        ({"prompts": "What?"}, "prompts"),
        ({"prompts": [{"prompt": "a", "max_tokens": 5}] * 65}, "prompts"),
        ({"prompts": ["What?"]}, "prompts"),
        ({"prompts": [{"prompt": "", "max_tokens": 5}]}, "prompt"),
        ({"prompts": [{"prompt": "a", "max_tokens": 0}]}, "max_tokens"),
        ({"prompts": [{"prompt": "a", "max_tokens": True}]}, "max_tokens"),
        ({"seconds": 0}, "seconds"),
        ({"seconds": 10**9}, "seconds"),
        ({"most_memory": -1}, "most_memory"),
    ],
)
def test_what_cannot_be_tried_is_refused(change: dict[str, Any], param: str) -> None:
    body = {"model": recorded.to_json(_asked().model), "prompts": PROMPTS, "seconds": 10, "most_memory": 0}
    assert trial.read(body).seconds == 10
    with pytest.raises(RequestError) as raised:
        trial.read(body | change)
    assert raised.value.param == param
