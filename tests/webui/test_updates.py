"""The page Updates, and the buttons under an answer."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from agent import settings as ground
from agent.message import Passage
from agent.wire.call import client
from tests.fakes.updates import BAD, OFFER, PROGRAM_OFFER, Updates, idle, program
from tests.live.running import Running, until
from webui.portal import portal

from .conftest import Browser, Household


@pytest.fixture
def updates(household: Household, tmp_path: Path) -> Iterator[Updates]:
    with Updates(tmp_path / "models") as updates:
        with household.app.app_context():
            clients = portal().house.clients
        clients["updates"].close()
        clients["updates"] = client(household.settings.with_values({"updates.url": updates.url}), "updates")
        yield updates


def page(browser: Browser) -> str:
    answer = browser.get("/updates")
    assert answer.status_code == 200
    return answer.text


def test_it_says_what_serves_and_what_happens(anna: Browser, updates: Updates) -> None:
    shown = page(anna)
    assert "All is up to date." in shown
    assert "Smol 135M" in shown
    assert "Signed by its publisher" in shown
    assert "Go back" not in shown
    assert "Stop" not in shown
    progress = {"done": 30_000_000, "total": 98_000_000, "word": "bytes"}
    updates.state = idle(
        step="downloading",
        sentence="Smol 2.0 is fetched.",
        offer=OFFER,
        progress=progress,
        warning="No news for 20 days.",
    )
    shown = page(anna)
    assert "30 MB of 98 MB" in shown
    assert "No news for 20 days." in shown
    assert "Stop" in shown
    assert "Update now" not in shown
    updates.state = idle(step="probation", probation={"answers": 3, "needed": 20})
    assert "3 of 20 answers" in page(anna)


def test_a_new_model_is_offered_with_its_notes_and_taken_or_not(anna: Browser, updates: Updates) -> None:
    updates.state = idle(step="offered", offer=OFFER)
    shown = page(anna)
    assert "Knows &lt;b&gt;more&lt;/b&gt; about hedges." in shown
    assert "of which 3 MB to fetch" in shown
    for word in ("install", "decline"):
        assert anna.post(f"/updates/word/{word}", {"seq": "12"}, page="/updates").status_code == 303
    assert anna.post("/updates/word/check", {}, page="/updates").status_code == 303
    assert updates.said == [("install", {"seq": 12}), ("decline", {"seq": 12}), ("check", {})]
    assert anna.post("/updates/word/erase", {}, page="/updates").status_code == 404


def test_going_back_is_offered_and_a_refusal_is_told(anna: Browser, updates: Updates) -> None:
    own = {
        "seq": 5,
        "origin": "unsigned",
        "since": 0.0,
        "chat": {"name": "x", "title": "My own", "version": ""},
        "embed": None,
    }
    updates.state = idle(previous=own, can_go_back=True, bad=[BAD])
    shown = page(anna)
    assert "My own" in shown
    assert "signed by nobody" in shown
    assert "the answer lacks “March”" in shown
    assert anna.post("/updates/word/back", {}, page="/updates").status_code == 303
    assert anna.post("/updates/word/forgive", {"sha256": "0" * 64}, page="/updates").status_code == 303
    assert updates.said == [("back", {}), ("forgive", {"sha256": "0" * 64})]
    updates.refuses = "Another update is at work."
    refused = anna.post("/updates/word/back", {}, page="/updates")
    assert refused.status_code == 409
    assert "Another update is at work. Try again later." in refused.text


def test_what_the_house_has_to_tell_is_shown(anna: Browser, updates: Updates) -> None:
    updates.state = idle(
        notice={"key": "k", "at": 1_795_000_000.0, "sentence": "The new model was too slow."}
    )
    assert "The new model was too slow." in page(anna)


def test_members_neither_see_nor_do_any_of_it(otto: Browser, updates: Updates) -> None:
    assert otto.get("/updates").status_code == 403
    assert otto.post("/updates/word/back", {}, page="/help").status_code == 403
    assert otto.post_json("/updates/files", {"name": "x.gguf", "size": 5_000}).status_code == 403
    assert updates.said == []
    assert "/updates" not in otto.get("/help").text.replace('href="/updates">Updates</a> an owner', "")
    assert "data-judges" not in otto.get("/").text


def test_how_models_are_updated_is_kept(household: Household, anna: Browser, updates: Updates) -> None:
    form = {
        "updates.policy": "never",
        "updates.delay": "48",
        "updates.quiet": "18:00-23:00",
        "updates.share": "on",
    }
    assert anna.post("/updates/settings", form, page="/updates").status_code == 303
    kept = ground.load({**os.environ, "NISSE_HOME": str(household.settings.home)})
    assert (kept.text("updates.policy"), kept.number("updates.delay")) == ("never", 48)
    assert (kept.flag("updates.share"), kept.flag("updates.metered")) == (True, False)
    assert "selected>never" in page(anna)
    wrong = anna.post("/updates/settings", {**form, "updates.policy": "sometimes"}, page="/updates")
    assert wrong.status_code == 400
    assert "does not fit" in wrong.text
    kept = ground.load({**os.environ, "NISSE_HOME": str(household.settings.home)})
    assert kept.text("updates.policy") == "never"


def answered(household: Household, browser: Browser, question: str, answer: str) -> str:
    """One's own question with an answer that rests on a document; its id."""
    asked: Any = browser.post_json("/chat", {"id": secrets.token_hex(16), "text": question}).json
    received = household.room.inbox.claim(interactive_only=True)
    assert received
    source = Passage(text="The hedge is cut in March, says Lindqvist.", document="garden.md")
    household.room.outbox.answer(
        received, f"{answer}\n\nFrom what the house knows:\n[1] garden", (source,), remember=False
    )
    return str(asked["id"])


def test_a_real_answer_is_kept_as_a_test_question_changed_and_taken_away(
    household: Household, anna: Browser, updates: Updates
) -> None:
    assert "data-judges" in anna.get("/").text
    message = answered(household, anna, "When is the hedge cut?", "In March, by Lindqvist.")
    kept: Any = anna.post_json("/updates/questions", {"id": message})
    assert kept.status_code == 201
    (one,) = updates.questions.all()
    assert one.answer == "In March, by Lindqvist."
    assert one.passages == ("The hedge is cut in March, says Lindqvist.",)
    assert set(kept.json["must"]) == {"March", "Lindqvist"}
    assert "When is the hedge cut?" in page(anna)

    changed = anna.post(f"/updates/questions/{one.id}/words", {"must": " March ,, "}, page="/updates")
    assert changed.status_code == 303
    assert updates.questions.all()[0].must == ("March",)
    wrong = anna.post(f"/updates/questions/{one.id}/words", {"must": "April"}, page="/updates")
    assert wrong.status_code == 400
    assert "would not pass itself" in wrong.text
    assert anna.post(f"/updates/questions/{one.id}/remove", {}, page="/updates").status_code == 303
    assert updates.questions.all() == []


def test_only_ones_own_answers_are_kept(
    household: Household, anna: Browser, otto: Browser, updates: Updates
) -> None:
    theirs = answered(household, otto, "What is my secret?", "It is blue.")
    assert anna.post_json("/updates/questions", {"id": theirs}).status_code == 404
    assert anna.post_json("/updates/questions", {"id": "x"}).status_code == 404
    assert updates.questions.all() == []


def test_a_bad_answer_is_told(anna: Browser, updates: Updates) -> None:
    assert anna.post_json("/updates/bad-answer", {}).status_code == 200
    assert updates.said == [("bad-answer", {})]


def send(browser: Browser, file: str, offset: int, piece: bytes) -> TestResponse:
    return browser.client.post(
        f"/updates/files/{file}?offset={offset}",
        data=piece,
        content_type="application/octet-stream",
        base_url=browser.base,
        headers={"Origin": browser.base, "X-CSRF-Token": browser.token("/help")},
        environ_base={"REMOTE_ADDR": browser.address},
    )


def test_a_file_comes_piece_by_piece(anna: Browser, updates: Updates) -> None:
    data = b"GGUF" + bytes(6_000)
    begun: Any = anna.post_json("/updates/files", {"name": "mine.gguf", "size": len(data)}).json
    assert send(anna, begun["id"], 0, data[:4_000]).json["done"] == 4_000  # type: ignore[index]
    assert "4 kB of 6 kB" in page(anna)
    assert send(anna, begun["id"], 4_001, b"x").status_code == 409
    assert send(anna, begun["id"], 4_000, data[4_000:]).json["done"] == len(data)  # type: ignore[index]
    assert anna.post_json(f"/updates/files/{begun['id']}/finish", {}).status_code == 202
    assert "mine.gguf" in page(anna)
    with pytest.raises(KeyError):
        _ = anna.post_json("/updates/files", {"name": "mine.bin", "size": 5_000}).json["id"]  # type: ignore[index]


def test_a_file_on_a_stick_is_offered(anna: Browser, updates: Updates, tmp_path: Path) -> None:
    stick = tmp_path / "models" / "media" / "STICK"
    stick.mkdir(parents=True)
    (stick / "mine.gguf").write_bytes(b"GGUF" + bytes(6_000))
    assert "on a stick" in page(anna)
    assert anna.post("/updates/stick", {"path": "/etc/passwd"}, page="/updates").status_code == 404
    taken = anna.post("/updates/stick", {"path": str(stick / "mine.gguf")}, page="/updates")
    assert taken.status_code == 303


def test_it_understands_the_real_service(household: Household, anna: Browser, tmp_path: Path) -> None:
    with Running(tmp_path / "apart", {}) as running:
        running.start("updates", wait_for="updates")
        with household.app.app_context():
            clients = portal().house.clients
        clients["updates"].close()
        clients["updates"] = client(running.settings, "updates")
        assert "No update server is set" in page(anna)
        assert anna.post("/updates/word/check", {}, page="/updates").status_code == 303
        refused = anna.post("/updates/word/back", {}, page="/updates")
        assert refused.status_code == 409
        assert "no model to go back to" in refused.text
        wrong: Any = anna.post_json("/updates/files", {"name": "mine.bin", "size": 5_000})
        assert wrong.status_code == 400
        message = answered(household, anna, "When is the hedge cut?", "In March, by Lindqvist.")
        assert anna.post_json("/updates/questions", {"id": message}).status_code == 201
        assert "A good answer holds: March, Lindqvist." in page(anna)
        data = b"GGUF" + bytes(6_000)
        begun: Any = anna.post_json("/updates/files", {"name": "mine.gguf", "size": len(data)}).json
        assert send(anna, begun["id"], 0, data).status_code == 200
        anna.post_json(f"/updates/files/{begun['id']}/finish", {})
        until(lambda: "notice bad" in page(anna), 60, "the refusal of a file that is no model")


def test_it_renders_while_the_service_is_away(anna: Browser) -> None:
    shown = page(anna)
    assert "not awake yet" in shown
    assert "New models" in shown


def test_nisse_itself_is_offered_installed_and_gone_back_from(anna: Browser, updates: Updates) -> None:
    shown = page(anna)
    assert "Nisse itself" in shown
    assert "Nisse 0.5.0" in shown
    assert "Install now" not in shown
    updates.program = program(step="offered", sentence="Nisse 0.5.1 is there.", offer=PROGRAM_OFFER)
    shown = page(anna)
    assert "Answers &lt;i&gt;sooner&lt;/i&gt;." in shown
    assert "98 MB" in shown
    for word in ("install", "decline"):
        assert anna.post(f"/updates/program/{word}", {"version": "0.5.1"}, page="/updates").status_code == 303
    progress = {"done": 30_000_000, "total": 98_000_000}
    updates.program = program(step="downloading", busy=True, offer=PROGRAM_OFFER, progress=progress)
    shown = page(anna)
    assert "30 MB of 98 MB" in shown
    assert "Install now" not in shown
    failed = BAD | {"version": "0.5.2", "sentence": "It did not start."}
    updates.program = program(version="0.5.1", can_go_back=True, back_to="0.5.0", bad=[failed])
    shown = page(anna)
    assert "Go back to 0.5.0" in shown
    assert "It did not start." in shown
    assert anna.post("/updates/program/back", {}, page="/updates").status_code == 303
    assert anna.post("/updates/program/erase", {}, page="/updates").status_code == 404
    assert updates.said == [
        ("program install", {"version": "0.5.1"}),
        ("program decline", {"version": "0.5.1"}),
        ("program back", {}),
    ]


def test_on_a_desk_one_sentence_says_that_nisse_is_no_boxs(anna: Browser, updates: Updates) -> None:
    updates.program = program(box=False, sentence="It is updated from its checkout.", offer=PROGRAM_OFFER)
    shown = page(anna)
    assert "It is updated from its checkout." in shown
    assert "Install now" not in shown
