"""Recall, killed again and again while it makes a second index."""

from __future__ import annotations

import base64
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from agent.embed.embedding import name_of
from agent.models.recorded import to_json
from tests.live.running import Running, until
from tests.recall import another

pytestmark = pytest.mark.models
KILLS = 4


def teach(running: Running, household: dict[str, Any]) -> None:
    for document in household["documents"]:
        body = {"name": document["name"], "audience": "house", "source": {}, "media_type": ""}
        data = base64.b64encode(document["text"].encode()).decode()
        running.client("recall").post("/documents", {**body, "data": data})


def progress(running: Running, name: str) -> dict[str, Any]:
    found = running.client("recall").get("/index")["indexes"]
    return next((one for one in found if one["embedder"] == name), {})


def finds(running: Running) -> bool:
    query = {"query": "How do I get the kitchen trash collected?", "person": "anna"}
    found = running.client("recall").post("/search", query)["passages"]
    return any("dustbin lorry" in passage["text"] for passage in found)


def test_it_goes_on_with_the_second_index_and_loses_nothing(
    models: Path, tmp_path: Path, household: dict[str, Any]
) -> None:
    folder = another.house_folder(models, tmp_path / "shelf")
    second = another.shelved(models, folder)
    with Running(tmp_path / "home", {"models.folder": str(folder)}) as running:
        recall = running.start("recall", wait_for="recall")
        teach(running, household)
        until(lambda: running.client("recall").get("/info")["pending"] == 0, 60, "the first index")
        running.client("recall").post("/index", {"embedder": to_json(second)})
        done = 0
        for number in range(KILLS):
            time.sleep(0.4 * number)  # another moment each time; whatever it is, the outcome is the same
            recall.send_signal(signal.SIGKILL)
            recall.wait()
            recall = running.start("recall", wait_for="recall")
            here = progress(running, name_of(second))
            assert here["done"] >= done, "what was embedded is kept"
            done = here["done"]
        until(lambda: progress(running, name_of(second))["state"] == "ready", 120, "the second index")
        until(lambda: running.client("recall").get("/info")["embedding"], 60, "more than finding by words")
        assert finds(running)
        another.switch(folder, before=another.own(), to=second)
        assert finds(running)
        info = running.client("recall").get("/info")
        assert (info["embedder"], info["pending"], info["embedding"]) == (name_of(second), 0, True)
    with sqlite3.connect(tmp_path / "home" / "recall.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
