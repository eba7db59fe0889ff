"""A house for the tests of updates: everything of updates is real, only the brain, recall and the owner's mail are scripted.

Owns: putting it together, and a brain that obeys the sets by the real brain's own reading of them.
Does not know: what a test looks for.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.brain.supply import Supply
from agent.errors import ModelError
from agent.models.catalogue import Catalogue, Model, Source
from agent.models.described import describe
from agent.models.sets import Sets
from agent.models.shelf import Shelf, sha256
from provisioning.updates.bad import Bad
from provisioning.updates.believed import Believed
from provisioning.updates.book import Book
from provisioning.updates.golden import Questions
from provisioning.updates.judging import Shown
from provisioning.updates.metadata import Metadata
from provisioning.updates.mirrors import named
from provisioning.updates.owner import Owner
from provisioning.updates.parts import Parts, Wishes
from provisioning.updates.probation import Seen
from provisioning.updates.storehouse import Storehouse
from provisioning.updates.trust import Box
from provisioning.updates.update import Machine
from tests.fakes import gguf

WELL: Mapping[str, Any] = {
    "text": "It is 4.",
    "tokens": 11,
    "going_on_s": 1.0,
    "seconds": 1.2,
    "first_token_s": 0.2,
}


class ScriptedBrain:
    """Says which model it would serve, found as the real brain finds it; and answers trials as the test wants."""

    def __init__(self, catalogue: Catalogue, shelf: Shelf) -> None:
        self.supply = Supply(catalogue, shelf, Sets(shelf.folder))
        self.shows: dict[str, Shown] = {}  # by the model's name; else it does well
        self.tried: list[str] = []
        self.answers_a_look = 0
        self.answered = 0
        self.crashes: dict[str, int] = {}
        self.says = "4"
        self.refuses: set[str] = set()  # models that it does not load
        self.unverified: list[str] = []

    def serving(self) -> Model | None:
        """The model that answers."""
        supply = self.supply
        wished = supply.named({})
        models = [model for model in supply.catalogue.models if model.role == "chat"]
        here = [model for model in models if supply.shelf.installed(model) and model.name not in self.refuses]
        found = next((model for model in here if model.name == wished), here[0] if here else None)
        if found and any(sha256(supply.shelf.path(found, each.name)) != each.sha256 for each in found.files):
            self.unverified.append(found.name)
        return found

    def seen(self) -> Seen | None:
        model = self.serving()
        self.answered += self.answers_a_look
        return Seen(
            model=model.name if model else "",
            wanted=self.supply.named({}) or (model.name if model else ""),
            loading=False,
            elsewhere=False,
            answered=self.answered,
            process="1",
            crashes=dict(self.crashes),
        )

    def trial(self, model: Model, prompts: Sequence[Mapping[str, Any]], seconds: float, most: int) -> Shown:
        assert seconds > 0
        assert most >= 0
        assert self.supply.shelf.installed(model)
        assert all(sha256(self.supply.shelf.path(model, each.name)) == each.sha256 for each in model.files)
        self.tried.append(model.name)
        shown = self.shows.get(model.name, Shown(ended="well", dimensions=3))
        return dataclasses.replace(shown, answers=shown.answers or tuple(dict(WELL) for _ in prompts))

    def ask(self, prompt: str, tokens: int) -> str:
        if not self.says or not prompt or not tokens:
            raise ModelError("There is none.")
        return self.says


class ScriptedRecall:
    """Makes an index in as many looks as the test wants."""

    def __init__(self) -> None:
        self.states: list[tuple[str, int, int]] = [("ready", 9, 9)]
        self.dropped: list[str] = []

    def prepare(self, model: Model) -> tuple[str, int, int]:
        assert model.role == "embed"
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def drop(self, model: Model) -> None:
        self.dropped.append(model.name)


@dataclass
class Household:
    """One house. `machine` is not started: `step` and `until` move it, so that no clock decides."""

    folder: Path
    machine: Machine
    owner: Owner
    brain: ScriptedBrain
    recall: ScriptedRecall
    steps: list[str] = field(default_factory=list)

    def until(self, *states: str, rounds: int = 400) -> None:
        """Takes steps until one of the states is reached."""
        for _ in range(rounds):
            self.step()
            if str(self.machine.record.state) in states:
                return
        raise AssertionError(f"{states} did not come: {self.machine.record}, {self.machine.trouble}")

    def step(self) -> None:
        """Takes one."""
        self.machine._round()
        state = str(self.machine.record.state)
        if not self.steps or self.steps[-1] != state:
            self.steps.append(state)

    @property
    def serves(self) -> str:
        """The name of the model that answers."""
        model = self.brain.serving()
        return model.name if model else ""


def own_model(path: Path, name: str) -> Model:
    """A model of the house's own catalogue, made of a file."""
    model = describe(path, name=name, title=name.title(), file_name=path.name)
    files = tuple(
        dataclasses.replace(file, sources=(Source(url="https://models.example/x"),)) for file in model.files
    )
    return dataclasses.replace(model, files=files)


def furnish(
    folder: Path,
    old: Model,
    *,
    root: bytes,
    urls: Sequence[str],
    policy: str = "ask",
    boot: str = "first",
    clock: Callable[[], float] = time.time,
    chat: str = "",
    source: str | None = None,
) -> Household:
    """A house on a folder of models, whose own catalogue has one model, which is on the shelf.

    Args:
        folder: Of the models.
        old: The model.
        root: What the house believes at first.
        urls: Of the servers.
        policy: What the owner wants of updates.
        boot: Which start of the machine this is.
        clock: Seconds since 1970.
        chat: The chat model that the owner named.
        source: Where updates come from, for people; the servers unless told otherwise.
    """
    shelf, catalogue = Shelf(folder), Catalogue((old,))
    updates = folder / "updates"
    believed = Believed(lambda: Metadata(updates / "tuf", root, lambda: list(urls)))
    brain, recall = ScriptedBrain(catalogue, shelf), ScriptedRecall()
    store = Storehouse(shelf, mirrors=lambda: named(list(urls)), listed=believed.targets, keep_free=0)
    parts = Parts(
        book=Book(updates),
        bad=Bad(updates),
        sets=Sets(folder),
        shelf=shelf,
        catalogue=catalogue,
        source=believed,
        store=store,
        brain=brain,
        recall=recall,
        questions=Questions(folder).all,
        wishes=Wishes(
            policy=policy, delay=timedelta(0), chat=chat, source=" ".join(urls) if source is None else source
        ),
        box=Box(id="box", memory=8000, agent="9.9"),
        embedder=None,
        line=lambda: "",
    )
    machine = Machine(parts, boot=boot, clock=clock, pause=0.0)
    return Household(folder, machine, Owner(machine), brain, recall)


def put(folder: Path, name: str, seed: int, *, size: int = 300_000) -> Model:
    """Puts a model of noise onto a shelf, as the house's own."""
    place = folder / name
    place.mkdir(parents=True)
    path = gguf.write(place / f"{name}.gguf", size=size, seed=seed)
    model = own_model(path, name)
    assert Shelf(folder).adopt(model)
    return model


_numbers = itertools.count(100)


def new_file(folder: Path, name: str, *, size: int = 600_000) -> Path:
    """A model file of noise to publish, another each time."""
    folder.mkdir(parents=True, exist_ok=True)
    return gguf.write(folder / f"{name}.gguf", size=size, seed=next(_numbers))
