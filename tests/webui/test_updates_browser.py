"""The page Updates and the buttons under an answer, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from agent import claim
from tests.fakes.updates import OFFER, PROGRAM_OFFER, Updates, idle, program

from .browsing import PHONE, Shown, chromium, picture

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def updates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Updates]:
    with Updates(tmp_path_factory.mktemp("far")) as updates:
        yield updates


@pytest.fixture(scope="module")
def shown(updates: Updates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with Shown(tmp_path_factory.mktemp("shown") / "home", **{"updates.url": updates.url}) as shown:
        shown.go_on.set()
        yield shown


@pytest.fixture(scope="module")
def page(shown: Shown) -> Iterator[Page]:
    """The owner's browser, after the wizard."""
    with chromium() as browser:
        page = browser.new_page(viewport=PHONE)  # type: ignore[arg-type]
        page.set_default_timeout(15_000)
        complaints: list[str] = []
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(shown.url)
        page.get_by_label("Code on the box").fill(claim.code(shown.running.home).lower())
        page.get_by_role("button", name="Begin").click()
        page.get_by_label("Your name").fill("Anna")
        page.get_by_label("Your mail address").fill("anna@example.org")
        page.get_by_label("A password for this house").fill("correct horse battery")
        page.get_by_role("button", name="Make this house mine").click()
        page.get_by_role("button", name="Later").click()
        yield page
        assert not [line for line in complaints if "Failed to load resource" not in line]


def test_an_answer_is_kept_as_a_test_question(page: Page, shown: Shown, updates: Updates) -> None:
    page.goto(shown.url)
    page.locator("#text").fill("Where is the key of the boat shed?")
    page.keyboard.press("Enter")
    answer = page.locator(".answer").last
    answer.locator("summary").click()
    answer.get_by_role("button", name="Good").click()
    expect(answer.get_by_role("status")).to_contain_text("Kept: every new model is asked this")
    picture(page, "20-judged")
    (one,) = updates.questions.all()
    assert one.question == "Where is the key of the boat shed?"
    answer.get_by_role("button", name="Bad").click()
    expect(answer.get_by_role("status")).to_contain_text("Noted")
    assert ("bad-answer", {}) in updates.said
    page.goto(f"{shown.url}/updates")
    expect(page.locator("#main")).to_contain_text("Where is the key of the boat shed?")


def test_a_new_model_is_taken_with_one_press(page: Page, shown: Shown, updates: Updates) -> None:
    updates.state = idle(step="offered", offer=OFFER, sentence="Smol 135M 2.0 is there.")
    page.goto(f"{shown.url}/updates")
    picture(page, "21-offered")
    page.get_by_role("button", name="Update now").click()
    expect(page.get_by_text("The new model is fetched and tried.")).to_be_visible()
    assert ("install", {"seq": 12}) in updates.said
    progress = {"done": 30_000_000, "total": 98_000_000, "word": "bytes"}
    updates.state = idle(step="downloading", offer=OFFER, sentence="It is being fetched.", progress=progress)
    expect(page.locator("progress").first).to_be_visible(timeout=15_000)  # by itself
    picture(page, "22-fetching")
    updates.state = idle()


def test_a_file_is_sent_in_pieces_and_goes_on_after_a_break(
    page: Page, shown: Shown, updates: Updates, tmp_path: Path
) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"GGUF" + bytes(9_000_000))
    page.goto(f"{shown.url}/updates")
    broken: list[str] = []

    def once(route: object) -> None:
        if not broken:
            broken.append("cut")
            route.abort()  # type: ignore[attr-defined]
        else:
            route.continue_()  # type: ignore[attr-defined]

    page.route("**/updates/files/*offset=4000000", once)
    page.locator("#model").set_input_files(file)
    expect(page.locator("#brought")).to_contain_text("I try again")
    expect(page.locator("#brought")).to_contain_text("has come", timeout=60_000)
    page.unroute("**/updates/files/*offset=4000000")
    assert broken == ["cut"]
    expect(page.locator("#main")).to_contain_text(
        "mine.gguf", timeout=15_000
    )  # zeros are no model, and it says so
    (arrival,) = updates.sideload.arrivals()
    assert arrival.size == file.stat().st_size


def test_a_new_version_of_nisse_is_taken_with_one_press_and_gone_back_from(
    page: Page, shown: Shown, updates: Updates
) -> None:
    updates.state = idle()
    updates.program = program(
        step="offered", offer=PROGRAM_OFFER, sentence="Nisse 0.5.1 is there. It waits for your word."
    )
    page.goto(f"{shown.url}/updates")
    picture(page, "23-nisse-offered")
    page.get_by_role("button", name="Install now").click()
    expect(page.get_by_text("The house restarts once for it")).to_be_visible()
    assert ("program install", {"version": "0.5.1"}) in updates.said
    updates.program = program(version="0.5.1", can_go_back=True, back_to="0.5.0")
    page.get_by_role("button", name="Go back to 0.5.0").click(timeout=15_000)  # shown by itself
    expect(page.get_by_text("open this page again in a minute")).to_be_visible()
    assert ("program back", {}) in updates.said
