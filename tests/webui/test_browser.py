"""The portal as a person meets it: Chromium, from the claim code to an answer that is written before one's eyes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from agent import claim

from .browsing import PHONE, Shown, chromium, picture

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

BOAT = "The key of the boat shed hangs behind the blue door.\n\nThe code of the alarm is 4711.\n"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with Shown(tmp_path_factory.mktemp("shown") / "home") as shown:
        yield shown


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def page(browser: Browser, shown: Shown) -> Iterator[Page]:
    page = browser.new_page(viewport=PHONE)  # type: ignore[arg-type]
    page.set_default_timeout(15_000)
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"a dialog: {dialog.message}"))
    yield page
    # A refused status is a complaint of the browser's too; what we look for is our policy broken or a script that failed.
    assert not [line for line in complaints if "Failed to load resource" not in line]


def test_the_wizard_leads_from_the_code_to_the_chat(page: Page, shown: Shown) -> None:
    page.goto(shown.url)
    picture(page, "1-code")
    page.get_by_label("Code on the box").fill("wrong-wron")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("alert")).to_contain_text("not the code")
    page.get_by_label("Code on the box").fill(claim.code(shown.running.home).lower())
    page.get_by_role("button", name="Begin").click()
    page.get_by_label("Your name").fill("Anna")
    page.get_by_label("Your mail address").fill("anna@example.org")
    page.get_by_label("A password for this house").fill("correct horse battery")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#password")).to_have_attribute("type", "text")
    picture(page, "2-owner")
    page.get_by_role("button", name="Make this house mine").click()
    expect(page.get_by_role("heading")).to_have_text("An address for the house")
    picture(page, "3-mail")
    page.get_by_role("button", name="Later").click()
    expect(page.get_by_role("heading")).to_have_text("The house is yours, Anna.")
    expect(page.locator("progress")).to_be_visible()
    picture(page, "4-done")
    page.get_by_role("link", name="Ask me something").click()
    expect(page.get_by_text("Good to see you, Anna.")).to_be_visible()
    picture(page, "5-empty")


def test_files_are_taught_and_listed(page: Page, shown: Shown, tmp_path: Path) -> None:
    good, bad = tmp_path / "boat.md", tmp_path / "broken.pdf"
    good.write_text(BOAT)
    bad.write_bytes(b"%PDF-1.7 and nothing more")
    page.goto(f"{shown.url}/documents")
    page.locator("#files").set_input_files([good, bad])
    expect(page.locator("#progress li").nth(0)).to_contain_text("passage", timeout=60_000)
    expect(page.locator("#progress li").nth(1).locator(".bad")).to_be_visible(timeout=60_000)
    expect(page.locator("#documents")).to_contain_text("boat.md")
    picture(page, "6-documents")


def test_an_answer_is_written_before_ones_eyes_and_survives_a_reload(page: Page, shown: Shown) -> None:
    page.goto(shown.url)
    page.locator("#text").fill("Where is the key of the boat shed?")
    page.keyboard.press("Enter")
    growing = page.locator(".answer").last
    expect(growing).to_contain_text("The key of the boat shed hangs")
    picture(page, "7-growing")
    page.reload()
    expect(page.locator(".asked").last).to_have_text("Where is the key of the boat shed?")
    expect(page.locator(".answer").last).to_contain_text("The key of the boat shed hangs")
    expect(page.locator(".answer").last).not_to_contain_text("blue door")
    shown.go_on.set()
    answer = page.locator(".answer").last
    expect(answer.locator(".sources li")).to_contain_text("boat.md")
    expect(answer.locator("b").first).to_have_text("blue door")
    expect(answer.locator("ul:not(.sources) li")).to_have_count(2)
    expect(answer.locator("code")).to_have_text("10 mm")
    expect(answer).to_contain_text("<img src=x onerror=alert(1)>")
    expect(answer.locator("img")).to_have_count(0)
    picture(page, "8-answer")
    page.reload()
    expect(page.locator(".answered")).to_have_count(1)
    assert shown.running.client("conversation").get("/info")["outgoing"] == 0


def test_sending_twice_by_mistake_asks_once(page: Page, shown: Shown) -> None:
    page.goto(shown.url)
    page.locator("#text").fill("And the alarm?")
    page.evaluate(
        "() => { const form = document.getElementById('ask'); form.requestSubmit(); form.requestSubmit(); }"
    )
    expect(page.locator(".asked")).to_have_count(2)
    expect(page.locator(".answer").last).to_contain_text("blue door")
    assert len(shown.brain.requests) == 2


@pytest.mark.parametrize("name", ["letters", "people", "mail", "health", "help", "you"])
def test_every_page_opens_from_the_menu(page: Page, shown: Shown, name: str) -> None:
    page.goto(shown.url)
    if name == "letters":
        page.locator(f".side nav > a[href='/{name}']").click()
    else:
        page.locator(".more summary").click()
        if name == "people":
            picture(page, "9-menu")
        page.locator(f".sheet a[href='/{name}']").click()
    expect(page.locator("h1")).to_be_visible()
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "the page is wider than a phone"
    picture(page, f"a-{name}")


def test_a_member_is_added_and_logs_in(page: Page, browser: Browser, shown: Shown) -> None:
    page.goto(f"{shown.url}/people")
    page.get_by_label("Name").fill("Otto")
    page.get_by_label("Mail address").fill("otto@example.org")
    page.locator("#password").fill("ottos own password")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("status")).to_contain_text("Otto belongs to the household")
    picture(page, "b-people")
    with browser.new_context(viewport=PHONE) as other:  # type: ignore[arg-type]
        ottos = other.new_page()
        ottos.goto(shown.url)
        picture(ottos, "c-login")
        ottos.get_by_label("Your mail address").fill("otto@example.org")
        ottos.locator("#password").fill("ottos own password")
        ottos.get_by_role("button", name="Log in").click()
        expect(ottos.get_by_text("Good to see you, Otto.")).to_be_visible()
        expect(ottos.locator(".asked")).to_have_count(0)


def test_the_servers_of_a_mail_address_are_filled_in(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.url}/mail")
    page.locator("#mail-address").fill("house@outlook.com")
    page.get_by_role("button", name="Find its servers").click()
    expect(page.locator(".found")).to_contain_text("takes no password from programs")
    expect(page.locator("#mail-imap_host")).to_have_value("outlook.office365.com")
    expect(page.locator("#mail-login")).to_have_value("oauth2")
    expect(page.locator("#mail-oauth_client")).to_be_visible()
    page.locator("#mail-address").fill("house@nowhere.example")
    page.get_by_role("button", name="Find its servers").click()
    expect(page.locator(".found")).to_contain_text("if you allow it")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "the page is wider than a phone"
    picture(page, "e-mail-found")
