"""The service as a box runs it: its real threads bring a version of Nisse over HTTP, with a line that breaks, and root's real code takes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import settings
from provisioning.programs import installing
from provisioning.updates import service
from tests.fakes.mirror import Mirror
from tests.live.running import own_addresses, until
from tests.release.publishing import Publisher, program_file
from tests.updates.programs.box import PYTHON, BoxWithPrograms, RootBeside


def test_a_version_comes_over_a_line_that_breaks_and_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "KEEP_FREE", 0)
    publisher = Publisher(tmp_path / "repository")
    made = publisher.add_program(program_file(tmp_path / "built", "0.5.1", size=3_000_000, python=PYTHON))
    box = BoxWithPrograms(tmp_path / "box", root=publisher.root, urls=[publisher.url])
    monkeypatch.setattr(service, "root", lambda: RootBeside(box))
    (tmp_path / "root.json").write_bytes(publisher.root)
    with Mirror(publisher.folder) as mirror:
        values = own_addresses() | {
            "models.folder": str(box.places.home / "models"),
            "updates.source": mirror.url,
            "updates.root": str(tmp_path / "root.json"),
            "updates.delay": "0",
            "portal.announce": "false",
        }
        chosen = settings.load({"NISSE_HOME": str(tmp_path / "home")}).with_values(values)
        with service.furnished(chosen, programs=lambda *_command, **_limits: "") as room:
            client = service.create_app(chosen, room).test_client()
            assert client.get("/program").json["sentence"]  # type: ignore[index]
            assert client.post("/check").status_code == 202
            until(lambda: room.machine.looking.at, 20, "the list")
            until(lambda: step(room, box) == "offered", 20, "the offer")
            mirror.cuts = [400_000, 700_000, 900_000]
            assert client.post("/program/install", json={"version": "0.5.1"}).status_code == 202
            until(lambda: step(room, box) == "idle" and box.running == "0.5.1", 60, "the new version")
            told = client.get("/program").json
            assert told
            assert (told["version"], told["history"][0]["outcome"]) == ("0.5.1", "committed")
            assert mirror.sent < 1.1 * made.size + 400_000  # the lists, and what a cut costs


def step(room: service.Room, box: BoxWithPrograms) -> str:
    """The step that the service's own thread has come to; root does here what it put off."""
    while box.later:
        box.later.pop()()
    with room.programs.news:
        room.programs.heed()
    return str(room.programs.record.step)
