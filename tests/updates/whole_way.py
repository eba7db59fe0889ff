"""The whole way (Must show 1): two real models, published, fetched over HTTP, tried and kept, then gone back from, while mails keep coming.

Owns: the house, its mails, and counting what was answered and by which model.
Does not know: how updates work. Everything is real: mail servers, the whole house under its supervisor, both models.
"""

from __future__ import annotations

import collections
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.models import catalogue
from agent.models.fetch import fetch_named
from agent.models.recorded import without_sources
from agent.models.sets import ModelSet, Sets
from agent.models.shelf import Shelf
from tests.conftest import CHAT_MODEL, EMBEDDER, MODELS_FOLDER
from tests.fakes.mirror import Mirror
from tests.live.postoffice import PostOffice
from tests.live.running import House, until
from tests.measured import Check
from tests.release.publishing import Publisher
from tests.test_journey import ANNA, BOX, letter, mail_settings

LARGER = "qwen2.5-coder-0.5b-instruct-q4_k_m"
_EVERY_S = 4.0  # between two mails
_MOST_S = 1500
_PROBES = [{"prompt": "What is two plus two? Answer with one number.", "must_match": [r"4|four"]}]


@dataclass
class Course:
    """What happened."""

    sent: list[str] = field(default_factory=list)  # ids of the mails
    answered: collections.Counter[str] = field(default_factory=collections.Counter)
    steps: list[str] = field(default_factory=list)
    served: list[str] = field(default_factory=list)  # models, in order
    fetched: int = 0  # bytes of bodies that the server sent
    size: int = 0  # bytes of the model

    @property
    def unanswered(self) -> list[str]:
        """Mails without an answer, or with two."""
        return [message for message in self.sent if self.answered[message] != 1]


def measure(folder: Path, *, quick: bool) -> list[Check]:
    """Goes the whole way once."""
    course = go(folder)
    lost = course.unanswered
    sys.stdout.writelines(f"{message}: {course.answered[message]} answers\n" for message in lost)
    return [
        Check(name="messages_answered", value=len(course.sent) - len(lost), goal=">= 30"),
        Check(name="messages_lost", value=len(lost), goal="<= 0"),
        Check(name="models_that_served", value=len(course.served), goal=">= 3"),
        Check(
            name="whole_way_fetched", value=course.fetched / course.size, unit="of the model", goal="<= 1.05"
        ),
    ]


def go(folder: Path) -> Course:
    """From the first model to the second and back."""
    course = Course()
    with _house(folder) as (house, office, server, size):
        course.size = size
        writing = threading.Event()
        writer = threading.Thread(target=_write, args=(office, course, writing), daemon=True)
        writer.start()
        try:
            _update_and_back(house, course)
        finally:
            writing.set()
            writer.join()
        course.fetched = server.sent
        until(lambda: _answers(office, course) >= set(course.sent), 600, "all answers")
        time.sleep(5)  # a second answer would follow the first
        _answers(office, course)
    return course


def _update_and_back(house: House, course: Course) -> None:
    updates = house.client("updates")

    def state() -> dict[str, Any]:
        told: dict[str, Any] = updates.get("/state", timeout=60)
        if not course.steps or course.steps[-1] != told["step"]:
            course.steps.append(told["step"])
            sys.stdout.write(f"{time.strftime('%H:%M:%S')} {told['step']}: {told['sentence']}\n")
        return told

    def serves(name: str) -> bool:
        state()
        model = (house.answers("brain") or {}).get("model")
        if model and (not course.served or course.served[-1] != model):
            course.served.append(model)
        return bool(model == name)

    until(lambda: serves(CHAT_MODEL), 120, "the first model")
    until(lambda: len(course.answered) >= 2 or len(course.sent) >= 3, 120, "mails")
    updates.post("/check")
    offer = until(lambda: state()["offer"], 120, "the offer")
    updates.post("/install", {"seq": offer["seq"]})
    until(lambda: serves(f"{LARGER}-v1"), _MOST_S, "the second model")
    until(lambda: serves(f"{LARGER}-v1") and state()["step"] == "idle", _MOST_S, "the end of its probation")
    updates.post("/back")
    until(lambda: serves(CHAT_MODEL) and state()["step"] == "idle", 300, "the first model again")


def _write(office: PostOffice, course: Course, stop: threading.Event) -> None:
    while not stop.wait(_EVERY_S):
        number = len(course.sent)
        message_id = f"<whole-{number}@nisse.test>"
        office.send(letter(f"Say the number {number}.", subject="Count", message_id=message_id), ANNA, BOX)
        course.sent.append(message_id)
        _answers(office, course)


def _answers(office: PostOffice, course: Course) -> set[str]:
    replies = [mail["In-Reply-To"] for mail in office.mailbox(ANNA) if mail["In-Reply-To"]]
    course.answered = collections.Counter(replies)
    return set(replies)


@contextmanager
def _house(folder: Path) -> Iterator[tuple[House, PostOffice, Mirror, int]]:
    publisher, shelf = Publisher(folder / "repository"), Shelf(folder / "models")
    for name in (CHAT_MODEL, EMBEDDER, LARGER):
        fetch_named(name, MODELS_FOLDER)
    _lay(shelf, CHAT_MODEL)
    _lay(shelf, EMBEDDER)
    source = Shelf(MODELS_FOLDER).path(catalogue.load().find(LARGER))
    release = publisher.add(source, name=f"{LARGER}-v1", probes=_PROBES, limits={"minimum_speed": 0.05})
    _first_set(shelf)
    (folder / "root.json").write_bytes(publisher.root)
    (folder / "office").mkdir()
    home = Path(tempfile.mkdtemp(prefix="nisse-"))  # its name must be short, for the sockets
    try:
        with Mirror(publisher.folder) as server, PostOffice(folder / "office") as office:
            values = {
                "brain.model": "",
                "brain.context": "1024",
                "models.folder": str(shelf.folder),
                "conversation.max_answer": "16",
                "conversation.note_after": "0",  # a note that it takes long would count as a second answer
                "updates.source": server.url,
                "updates.root": str(folder / "root.json"),
                "updates.delay": "0",
            }
            many = {f"conversation.{name}": "100000" for name in ("sender_hour", "sender_day", "house_hour")}
            with House(home / "home", mail_settings(office) | many | values) as house:
                house.claim("Anna", ANNA)
                house.thinks()
                until(house.follows_mail, 60, "the mail channel")
                yield house, office, server, release.model.size
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _lay(shelf: Shelf, name: str) -> None:
    """Puts a model of ours onto a shelf."""
    model = catalogue.load().find(name)
    for file in model.files:
        path = shelf.path(model, file.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Shelf(MODELS_FOLDER).path(model, file.name), path)
    assert shelf.adopt(model)


def _first_set(shelf: Shelf) -> None:
    """The house has chosen the small one: a desk would choose the largest, and fetch it from elsewhere."""
    models = catalogue.load()
    sets = Sets(shelf.folder)
    sets.write(
        ModelSet(
            seq=1,
            origin="house",
            chat=without_sources(models.find(CHAT_MODEL)),
            embed=without_sources(models.find(EMBEDDER)),
            made="2026-11-21T00:00:00+00:00",
            why="The small one suffices.",
        )
    )
    sets.switch(1, None)
