"""What the portal and the command line see of updates and can say: the routes, their answers and their refusals."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from agent.settings import Secret
from agent.wire import serve
from provisioning.updates.routes import update_routes
from tests.release.publishing import Publisher
from tests.updates.household import Household, furnish, new_file, put


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "repository")


@pytest.fixture
def house(tmp_path: Path, publisher: Publisher) -> Household:
    old = put(tmp_path / "models", "old", seed=1)
    return furnish(tmp_path / "models", old, root=publisher.root, urls=[publisher.url])


@pytest.fixture
def client(house: Household) -> FlaskClient:
    app = serve.service(
        "updates", "http://127.0.0.1:8704", Secret(""), max_body=serve.MEGABYTE, info=lambda: {"ready": True}
    )
    app.register_blueprint(update_routes(house.machine, house.owner))
    return app.test_client()


def test_a_house_that_never_updated_says_so(house: Household, client: FlaskClient) -> None:
    house.step()
    told = client.get("/state").json
    assert told
    assert (told["step"], told["busy"], told["offer"], told["active"]) == ("idle", False, None, None)
    assert told["sentence"] == "New models have not been looked for since the start."
    client.post("/check")
    house.step()
    assert client.get("/state").json["sentence"] == "There is nothing new that suits this box."  # type: ignore[index]
    assert (told["can_go_back"], told["why_not_back"]) == (False, "There is no model to go back to.")


def test_the_way_of_a_release_through_the_routes(
    tmp_path: Path, publisher: Publisher, house: Household, client: FlaskClient
) -> None:
    made = publisher.add(new_file(tmp_path / "made", "new"), name="new", title="New", notes="It knows more.")
    house.step()
    assert client.post("/check").status_code == 202
    house.until("offered")
    house.step()
    told = client.get("/state").json
    assert told
    assert told["sentence"] == "New 1.0 is there. It waits for your word."
    assert told["offer"]["notes"] == "It knows more."
    assert told["offer"]["signed"]
    assert told["checked_at"]
    assert client.post("/install", json={"seq": made.seq}).status_code == 202
    house.until("probation")
    house.step()
    told = client.get("/state").json
    assert told
    assert told["probation"]["needed"] == 20
    assert told["active"]["chat"]["title"] == "New"
    assert told["previous"]["chat"]["title"] == "Old"
    assert told["previous"]["origin"] == "house"
    assert client.post("/back").status_code == 202
    house.until("idle")
    told = client.get("/state").json
    assert told
    assert told["history"][0]["outcome"] == "went_back"
    assert told["notice"] is None
    [bad] = told["bad"]
    assert (bad["reason"], bad["sentence"]) == ("went_back", "You went back to the model before.")
    assert client.post("/forgive", json={"sha256": bad["sha256"]}).json["bad"] == []  # type: ignore[index]


def test_a_download_is_stopped_and_goes_on_at_the_owners_word(
    tmp_path: Path, publisher: Publisher, house: Household, client: FlaskClient
) -> None:
    made = publisher.add(new_file(tmp_path / "made", "new"), name="new")
    client.post("/check")
    house.until("offered")
    client.post("/install", json={"seq": made.seq})
    house.until("downloading")
    assert client.post("/stop").status_code == 200
    for _ in range(5):
        house.step()
    told = client.get("/state").json
    assert told
    assert told["step"] == "downloading"
    assert "You stopped it" in told["sentence"]
    client.post("/install", json={"seq": made.seq})
    house.until("probation")


def test_a_failed_update_leaves_one_plain_sentence(
    tmp_path: Path, publisher: Publisher, house: Household, client: FlaskClient
) -> None:
    from provisioning.updates.judging import Shown

    made = publisher.add(new_file(tmp_path / "made", "new"), name="new", title="New")
    house.brain.shows["new"] = Shown(ended="crashed", why="It ended with SIGSEGV.")
    client.post("/check")
    house.until("offered")
    client.post("/install", json={"seq": made.seq})
    house.until("idle")
    told = client.get("/state").json
    assert told
    assert told["notice"]["sentence"] == "The new model crashed when it was tried."
    assert told["untold"] == 1


@pytest.mark.parametrize(
    ("route", "body", "refusal"),
    [
        ("/install", {"seq": 7}, (404, "not offered")),
        ("/install", {"seq": "7"}, (400, "whole number")),
        ("/install", {"seq": True}, (400, "whole number")),
        ("/decline", {"seq": 7}, (404, "not offered")),
        ("/check", {"old_stick": 1}, (400, "true or false")),
        ("/forgive", {}, (400, "sha256 must be a text")),
        ("/stop", None, (409, "Nothing is being fetched")),
        ("/back", None, (409, "no model to go back to")),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    house: Household,
    client: FlaskClient,
    route: str,
    body: dict[str, object] | None,
    refusal: tuple[int, str],
) -> None:
    house.step()
    answer = client.post(route, json=body) if body is not None else client.post(route)
    status, said = refusal
    assert answer.status_code == status
    assert said in answer.get_data(as_text=True)


def test_a_complaint_outside_a_probation_changes_nothing(house: Household, client: FlaskClient) -> None:
    house.step()
    assert client.post("/bad-answer").status_code == 200
    assert house.machine.record.state == "idle"
