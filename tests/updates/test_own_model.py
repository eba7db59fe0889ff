"""A model that the owner brings, from the file to the answers: brain, conversation and updates as real processes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.message import VERIFIED, Message, Reply
from tests.conftest import CHAT_MODEL
from tests.fakes import gguf
from tests.live.running import Running, until
from tests.recall.another import house_folder

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]
PIECE = 4_000_000


@pytest.fixture
def house(models: Path, tmp_path: Path) -> Iterator[Running]:
    folder = house_folder(models, tmp_path / "shelf")
    (folder / CHAT_MODEL).symlink_to(models / CHAT_MODEL)
    with Running(tmp_path / "home", {"models.folder": str(folder), "brain.context": "1024"}) as running:
        for service in ("conversation", "brain", "updates"):
            running.start(service, wait_for=service)
        running.claim(console="anna")
        running.client("conversation").post("/channels/mail", {"accounts": []})
        until(lambda: serving(running), 120, "the first model")
        yield running


def serving(house: Running) -> str:
    """The model that answers now."""
    info = house.answers("brain") or {}
    return str(info.get("model", "")) if info.get("ready") else ""


def state(house: Running) -> dict[str, Any]:
    return dict(house.client("updates").get("/state"))


def bring(house: Running, file: Path) -> None:
    updates, data = house.client("updates"), file.read_bytes()
    arrival = updates.post("/sideload", {"name": file.name, "size": len(data)})
    for offset in range(0, len(data), PIECE):
        piece = base64.b64encode(data[offset : offset + PIECE]).decode()
        updates.post(f"/sideload/{arrival['id']}", {"offset": offset, "data": piece})
    updates.post(f"/sideload/{arrival['id']}/finish")


def answered(house: Running, number: int) -> bool:
    message = Message(
        channel="console", native_id=str(number), sender="anna", text="Say hello.", level=VERIFIED
    )
    identity = house.client("conversation").post("/messages", message.to_json())["id"]
    told = until(lambda: house.client("conversation").get(f"/messages/{identity}")["reply"], 240, "an answer")
    return bool(Reply.from_json(told).text.strip())


def test_it_is_tried_serves_unsigned_and_goes_back(house: Running, models: Path, tmp_path: Path) -> None:
    before = serving(house)
    house.client("updates").post("/golden", {"question": "Say hello.", "answer": "Hello!", "must": []})
    (file,) = (models / CHAT_MODEL).glob("*.gguf")
    template = gguf.template_of(file) + "{# mine #}"
    bring(house, gguf.changed(file, tmp_path / "mine.gguf", template=template))
    until(lambda: (state(house)["active"] or {}).get("origin") == "unsigned", 300, "the owner's model")
    until(lambda: serving(house) not in ("", before), 120, "the brain with it")
    assert state(house)["active"]["chat"]["title"] == "mine (your own file)"
    assert answered(house, 1)
    until(lambda: state(house)["can_go_back"], 60, "the way back")
    house.client("updates").post("/back", {})
    until(lambda: serving(house) == before, 120, "the model before")
    assert answered(house, 2)


def test_one_that_is_no_good_is_told_and_changes_nothing(house: Running, tmp_path: Path) -> None:
    before = serving(house)
    bring(house, gguf.write(tmp_path / "noise.gguf"))
    (bad,) = until(lambda: state(house)["bad"], 300, "the verdict")
    assert bad["title"] == "noise (your own file)"
    assert bad["sentence"].strip()
    assert serving(house) == before
    assert answered(house, 1)
    letters = until(
        lambda: house.client("conversation").get("/replies", channel="door", wait=1)["replies"],
        120,
        "a letter",
    )
    assert letters[0]["recipient"] == "anna@nisse.test"
    assert bad["sentence"] in letters[0]["text"]
