"""Bad candidates (T8): signed, fetched, tried by a real brain, and put back by themselves, while the good model goes on answering.

Owns: the candidates, and looking afterwards who answers and what the owner is told.
Does not know: how a trial works. The brain is a real process; how its candidates misbehave is in `tests/fakes/candidates`.
"""

from __future__ import annotations

import dataclasses
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.models import catalogue
from agent.models.fetch import fetch_named
from agent.models.recorded import without_sources
from agent.models.sets import ModelSet, Sets
from agent.models.shelf import Shelf
from provisioning.updates.beside import Brain
from provisioning.updates.owner import Owner
from provisioning.updates.update import Machine
from tests.conftest import CHAT_MODEL, MODELS_FOLDER
from tests.fakes import gguf
from tests.live.running import Running, until
from tests.measured import Check
from tests.release.publishing import Publisher
from tests.updates.household import Household, furnish

CANDIDATES = Path(__file__).parents[1] / "fakes" / "candidates"
_PROBE = [{"prompt": "What is the capital of France?", "must_match": [r"\w"]}]  # which any words pass
_MOST_S = 600.0
_QUICK = ("crashing", "scrambled", "lying")


@dataclass(frozen=True)
class Candidate:
    """One that does badly."""

    name: str
    reasons: tuple[str, ...]  # for which it may be put back
    make: Callable[[Path, Path], None]  # from the good file
    limits: dict[str, Any] = dataclasses.field(default_factory=dict)


def _copy(good: Path, path: Path) -> None:
    shutil.copyfile(good, path)


def _scramble(good: Path, path: Path) -> None:
    """The header of a good model, and noise in place of most of its numbers."""
    shutil.copyfile(good, path)
    size, noise = path.stat().st_size, random.Random(8)
    with path.open("r+b") as file:
        file.seek(size // 2)
        for _ in range(size // 2 >> 20):
            file.write(noise.randbytes(1 << 20))


def _lack(_good: Path, path: Path) -> None:
    """Built as a model must be, but without most of its parts."""
    gguf.write(path, size=2_000_000, seed=99)


ALL = (
    Candidate("crashing", ("crashed",), _copy),
    Candidate("dying", ("crashed",), _copy),
    Candidate("hanging", ("hung",), _copy),
    Candidate("leaking", ("memory_hungry", "crashed"), _copy, {"max_rss_mb": 450}),
    Candidate("rambling", ("wrong_answer",), _copy),
    Candidate("dawdling", ("slow_model", "hung"), _copy),
    Candidate("scrambled", ("wrong_answer", "crashed", "golden", "slow_model", "does_not_load"), _scramble),
    Candidate("lacking", ("does_not_load",), _lack),
    Candidate("lying", ("memory_hungry",), _copy, {"max_rss_mb": 60}),
)


def measure(folder: Path, *, quick: bool) -> list[Check]:
    """Tries all of them, one after another."""
    chosen = [each for each in ALL if not quick or each.name in _QUICK]
    troubles, slowest = [], 0.0
    with _house(folder) as (house, publisher, good, brain):
        for candidate in chosen:
            _publish(publisher, folder, candidate, good)
            begun = time.monotonic()
            trouble = _trouble(house, brain, candidate)
            slowest = max(slowest, time.monotonic() - begun)
            sys.stdout.write(
                f"{candidate.name}: {trouble or house.machine.parts.bad.entries()[0].sentence}\n"
            )
            troubles += [trouble] if trouble else []
    return [
        Check(name="bad_candidates", value=len(chosen), goal="" if quick else ">= 8"),
        Check(name="bad_candidates_serving", value=len(troubles), goal="<= 0"),
        Check(name="bad_candidate_slowest", value=slowest, unit="s", goal="" if quick else "<= 120"),
    ]


def _trouble(house: Household, brain: Running, candidate: Candidate) -> str:
    """What is wrong after a candidate was offered; empty: it was put back for the right reason, and the good one answers."""
    house.steps.clear()
    house.owner.check()
    _go(house, "trial")
    _go(house, "idle")
    if house.machine.record.state == "probation":
        return "it was found good"
    entry = house.machine.parts.bad.entries()[0]
    if entry.title != candidate.name or entry.reason not in candidate.reasons:
        return f"put back for {entry.reason}: {entry.sentence} ({entry.title})"
    active = house.machine.parts.sets.active()
    if active is None or active.seq != 1 or "probation" in house.steps:
        return "it was put in force"
    if not any(candidate.name in letter.text for letter in house.machine.parts.book.letters()):
        return "the owner is not told"
    body = {"messages": [{"role": "user", "content": "Say yes."}], "max_tokens": 4}
    said = brain.client("brain").post("/v1/chat/completions", body, timeout=120)
    return "" if said["model"] == CHAT_MODEL else f"{said['model']} answers"


def _go(house: Household, state: str) -> None:
    end = time.monotonic() + _MOST_S
    while str(house.machine.record.state) != state:
        house.step()
        assert time.monotonic() < end, (house.machine.record, house.machine.trouble)
        if house.machine.record.state == "probation":
            return  # it was found good, which is seen below
        time.sleep(0.01)


def _publish(publisher: Publisher, folder: Path, candidate: Candidate, good: Path) -> None:
    path = folder / "made" / f"{candidate.name}.gguf"
    path.parent.mkdir(exist_ok=True)
    candidate.make(good, path)
    with path.open("ab") as file:  # each is a file of its own, by its hash
        file.write(candidate.name.encode().ljust(32, b"\0"))
    publisher.add(path, name=candidate.name, title=candidate.name, probes=_PROBE, limits=candidate.limits)
    path.unlink()


@contextmanager
def _house(folder: Path) -> Iterator[tuple[Household, Publisher, Path, Running]]:
    fetch_named(CHAT_MODEL, MODELS_FOLDER)
    known, shelf = catalogue.load().find(CHAT_MODEL), Shelf(folder / "models")
    good = Shelf(MODELS_FOLDER).path(known)
    shelf.path(known).parent.mkdir(parents=True)
    shutil.copyfile(good, shelf.path(known))
    assert shelf.adopt(known)
    sets = Sets(shelf.folder)
    sets.write(
        ModelSet(
            seq=1, origin="house", chat=without_sources(known), embed=None, made="2026-11-21", why="A test."
        )
    )
    sets.switch(1, None)
    publisher = Publisher(folder / "repository")
    values = {"models.folder": str(shelf.folder), "brain.context": "1024", "brain.saved": "0"}
    with Running(folder / "home", values) as brain:
        brain.environment["PYTHONPATH"] = str(CANDIDATES)
        brain.start("brain", wait_for="brain")
        until(lambda: (brain.answers("brain") or {}).get("ready"), 120, "the model")
        house = furnish(shelf.folder, known, root=publisher.root, urls=[publisher.url], policy="automatic")
        parts = dataclasses.replace(house.machine.parts, brain=Brain(brain.client("brain")))
        house.machine = Machine(parts, boot="first", pause=0.2)
        house.owner = Owner(house.machine)
        yield house, publisher, good, brain
