"""What the portal and the command line see of Nisse itself and can say; on a box, and on a desk."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from agent.settings import Secret
from agent.wire import serve
from provisioning.programs import installing
from provisioning.updates.programs.routes import program_routes
from tests.release.publishing import Publisher, program_file
from tests.updates.programs.box import PYTHON, BoxWithPrograms


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "repository")


@pytest.fixture
def box(tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> BoxWithPrograms:
    monkeypatch.setattr(installing, "KEEP_FREE", 0)
    return BoxWithPrograms(tmp_path / "box", root=publisher.root, urls=[publisher.url])


def asking(box: BoxWithPrograms) -> FlaskClient:
    app = serve.service(
        "updates", "http://127.0.0.1:8704", Secret(""), max_body=serve.MEGABYTE, info=lambda: {"ready": True}
    )
    app.register_blueprint(program_routes(box.machine, box.owner))
    return app.test_client()


def test_the_way_of_a_version_through_the_routes(
    tmp_path: Path, publisher: Publisher, box: BoxWithPrograms
) -> None:
    told = asking(box).get("/program").json
    assert told
    assert (told["box"], told["version"], told["base"], told["step"]) == (True, "0.5.0", "0.5.0", "idle")
    assert told["sentence"] == "There is no newer version of Nisse that suits this box."
    publisher.add_program(program_file(tmp_path / "built", "0.5.1", python=PYTHON), notes="Answers sooner.")
    box.check()
    box.until("offered")
    box.step()
    told = asking(box).get("/program").json
    assert told
    assert told["sentence"] == "Nisse 0.5.1 is there. It waits for your word."
    assert (told["offer"]["notes"], told["offer"]["bytes"]) == ("Answers sooner.", told["offer"]["size"])
    assert asking(box).post("/program/install", json={"version": "0.5.1"}).status_code == 202
    box.until("handed")
    assert "The house restarts once" in asking(box).get("/program").json["sentence"]  # type: ignore[index]
    box.until("idle")
    told = asking(box).get("/program").json
    assert told
    assert (told["version"], told["base"], told["back_to"]) == ("0.5.1", "0.5.0", "0.5.0")
    assert told["can_go_back"]
    assert told["history"][0]["outcome"] == "committed"
    assert told["notice"] is None
    assert asking(box).post("/program/back").status_code == 202
    box.step()
    told = asking(box).get("/program").json
    assert told
    assert (told["version"], told["can_go_back"]) == ("0.5.0", False)
    [bad] = told["bad"]
    assert asking(box).post("/program/forgive", json={"sha256": bad["sha256"]}).json["bad"] == []  # type: ignore[index]


def test_a_version_that_was_put_back_leaves_one_plain_sentence(
    tmp_path: Path, publisher: Publisher, box: BoxWithPrograms
) -> None:
    publisher.add_program(program_file(tmp_path / "built", "0.5.1", python=PYTHON))
    box.check()
    box.until("offered")
    box.well = False
    asking(box).post("/program/install", json={"version": "0.5.1"})
    box.until("idle")
    notice = asking(box).get("/program").json["notice"]  # type: ignore[index]
    assert notice["sentence"] == (
        "Nisse 0.5.1 was not kept. The new version of Nisse did not work well in time, so the box went back to 0.5.0."
    )


@pytest.mark.parametrize(
    ("route", "body", "refusal"),
    [
        ("install", {"version": "0.9"}, (404, "not offered")),
        ("install", {"version": 9}, (400, "must be a text")),
        ("install", None, (400, "must be a text")),
        ("decline", {"version": "0.9"}, (404, "not offered")),
        ("stop", None, (409, "No version of Nisse is being fetched")),
        ("back", None, (409, "came with the system")),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    box: BoxWithPrograms, route: str, body: dict[str, object] | None, refusal: tuple[int, str]
) -> None:
    client = asking(box)
    answer = client.post(f"/program/{route}", json=body) if body else client.post(f"/program/{route}")
    assert answer.status_code == refusal[0]
    assert refusal[1] in answer.get_data(as_text=True)


def test_on_a_desk_one_sentence_says_that_it_is_no_box(
    tmp_path: Path, publisher: Publisher, box: BoxWithPrograms
) -> None:
    (box.places.run / "helper.sock").unlink()
    publisher.add_program(program_file(tmp_path / "built", "0.5.1", python=PYTHON))
    box.check()
    for _ in range(3):
        box.step()
    told = asking(box).get("/program").json
    assert told
    assert (told["box"], told["step"], told["offer"]) == (False, "idle", None)
    assert (
        told["sentence"] == "This Nisse does not run from an image of a box; it is updated from its checkout."
    )
    answer = asking(box).post("/program/install", json={"version": "0.5.1"})
    assert (answer.status_code, "updated from its checkout" in answer.text) == (409, True)
    assert asking(box).post("/program/back").status_code == 409
