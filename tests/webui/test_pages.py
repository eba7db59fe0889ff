"""The pages behind the login: what they show, to whom, and that they stay calm when a service is away."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from agent import settings as ground
from agent.message import Message
from agent.settings import Settings
from tests.live.ports import free_port
from tests.live.running import Running
from webui import create_app, letters, mail_form
from webui.portal import portal

from .conftest import Browser, Household

PAGES = (
    "/",
    "/documents",
    "/letters",
    "/messages",
    "/people",
    "/mail",
    "/updates",
    "/health",
    "/help",
    "/you",
    "/setup/done",
)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_renders_while_all_services_are_away(
    household: Household, anna: Browser, path: str
) -> None:
    household.falls_asleep()
    answer = anna.get(path)
    assert answer.status_code == 200
    assert "Traceback" not in answer.text


def test_the_script_is_told_calmly_that_a_service_is_away(household: Household, anna: Browser) -> None:
    household.falls_asleep()
    answer = anna.get("/chat/history", Accept="application/json")
    assert answer.status_code == 503
    assert answer.json
    assert "not awake yet" in answer.json["error"]["message"]
    assert "Health" in answer.json["error"]["hint"]
    assert "not awake" in anna.get("/chat/mood").json["sentence"]  # type: ignore[index]
    assert Browser(household.app).logs_in().status_code == 503


def test_a_message_sent_twice_is_one_message(household: Household, anna: Browser) -> None:
    body = {"id": secrets.token_hex(16), "text": "hello"}
    first, second = anna.post_json("/chat", body), anna.post_json("/chat", body)
    assert first.status_code == second.status_code == 202
    assert first.json == second.json
    history = anna.get("/chat/history").json
    assert history
    assert [exchange["text"] for exchange in history["exchanges"]] == ["hello"]


def test_nobody_reads_or_names_anothers_message(anna: Browser, otto: Browser) -> None:
    body = {"id": secrets.token_hex(16), "text": "my secret"}
    mine = anna.post_json("/chat", body).json
    theirs = otto.post_json("/chat", body).json
    assert mine
    assert theirs
    assert mine["id"] != theirs["id"]
    assert otto.get(f"/chat/{mine['id']}/events").status_code == 404
    assert [one["id"] for one in otto.get("/chat/history").json["exchanges"]] == [theirs["id"]]  # type: ignore[index]


@pytest.mark.parametrize(
    "body",
    [
        {"id": "../../x", "text": "hello"},
        {"id": 7, "text": "hello"},
        {"id": "a" * 32, "thread": "somebody/else", "text": "hello"},
        {"id": "a" * 32, "text": "  "},
        {"id": "a" * 32, "text": "x" * 20_001},
    ],
)
def test_what_is_no_proper_message_is_refused(anna: Browser, body: dict[str, object]) -> None:
    answer = anna.post_json("/chat", body)
    assert answer.status_code == 400
    assert answer.json
    assert answer.json["error"]["hint"]


def test_a_message_is_the_persons_own_in_conversation(household: Household, anna: Browser) -> None:
    name = secrets.token_hex(16)
    anna.post_json("/chat", {"id": name, "text": "hello"})
    person = household.people.everybody()[0].id
    expected = Message(channel="portal", native_id=f"{person}/{name}", sender=person, text="hello")
    assert anna.get("/chat/history").json["exchanges"][0]["id"] == expected.id  # type: ignore[index]


@pytest.fixture
def library(household: Household, anna: Browser, otto: Browser) -> Iterator[Household]:
    """The household with its recall."""
    url = household.settings.text("recall.url")
    with Running(
        household.settings.home / "recall-apart", {"recall.url": url, "recall.max_document": "1"}
    ) as running:
        running.start("recall", wait_for="recall")
        yield household


def upload(
    browser: Browser, name: str, data: bytes, audience: str = "house"
) -> tuple[int, dict[str, object]]:
    form = {"audience": audience, "csrf": browser.token("/help")}
    # Made here: the test client lays large bodies into a temporary file that it does not close.
    request = httpx.Request("POST", f"{browser.base}/documents", data=form, files={"file": (name, data)})
    answer = browser.client.post(
        "/documents",
        data=request.read(),
        content_type=request.headers["Content-Type"],
        base_url=browser.base,
        buffered=True,
    )
    return answer.status_code, answer.json or {"page": answer.text}


def test_documents_are_for_the_house_or_for_one_person(
    library: Household, anna: Browser, otto: Browser
) -> None:
    assert upload(anna, "boat.md", b"The boat lies at the jetty.")[0] == 201
    status, kept = upload(anna, "../../diary.txt", b"Nobody shall read this.", audience="me")
    assert (status, kept["name"], kept["passages"]) == (201, "diary.txt", 1)
    assert "boat.md" in otto.get("/documents").text
    assert "diary.txt" not in otto.get("/documents").text
    assert "diary.txt" in anna.get("/documents").text
    assert otto.post(f"/documents/{kept['id']}/remove", {}, page="/help").status_code == 404
    status, again = upload(otto, "boat.md", b"The boat lies at the jetty.")
    assert again["already"] is True
    assert otto.post(f"/documents/{again['id']}/remove", {}, page="/help").status_code == 403
    assert anna.post(f"/documents/{kept['id']}/remove", {}, page="/help").status_code == 303
    assert "diary.txt" not in anna.get("/documents").text.replace("“diary.txt” is gone.", "")


def test_what_is_too_large_empty_or_unreadable_is_refused_with_words(
    library: Household, anna: Browser
) -> None:
    largest = library.settings.number("recall.max_document") * 1_000_000
    for data, words in (
        (b"x" * (largest + 1), "larger than"),
        (b"x" * (largest + 2_000_000), "larger than"),
        (b"", "empty"),
        (b"\x7fELF\x00\x01", ""),
    ):
        status, body = upload(anna, "file.bin", data)
        assert status in (400, 413, 415)
        assert words in str(body["page"])


def test_letters_are_shown_to_whom_they_are_addressed(
    household: Household, anna: Browser, otto: Browser
) -> None:
    place = household.settings.home / "door" / "Maildir"
    for folder in ("new", "cur", "tmp"):
        (place / folder).mkdir(parents=True)
    for number, (to, subject) in enumerate(
        [("Anna@example.org", "For Anna"), ("otto@example.org", "For Otto")]
    ):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "nisse@nisse.local", to, subject
        mail.set_content("Good evening <script>alert(1)</script>")
        (place / "new" / f"{number}.eml").write_bytes(mail.as_bytes())
    (place / "new" / "torn.eml").write_bytes(
        b"To: anna@example.org\nContent-Type: text/plain; charset=none\n\n\xff"
    )
    page = anna.get("/letters").text
    assert "For Anna" in page
    assert "For Otto" not in page
    assert "<script>alert" not in page
    assert "For Otto" in otto.get("/letters").text


def test_a_maildir_that_is_not_there_holds_no_letters(tmp_path: Path) -> None:
    assert letters.of_person(tmp_path / "none", ["anna@example.org"]) == []


def test_the_mail_form_is_made_from_the_channels_own_settings(household: Household, anna: Browser) -> None:
    home = household.settings.home
    shown = mail_form.fields(home)
    secret = next(field.setting for field in shown if field.setting.kind == "secret")
    form = {field.setting.key: field.value for field in shown} | {secret.key: "hush hush"}
    assert anna.post("/mail", form, page="/mail").status_code == 303
    kept: Settings = ground.load({**os.environ, "NISSE_HOME": str(home)})
    assert kept.secret(secret.key).reveal() == "hush hush"
    assert "hush hush" not in anna.get("/mail").text
    anna.post("/mail", form | {secret.key: ""}, page="/mail")
    kept = ground.load({**os.environ, "NISSE_HOME": str(home)})
    assert kept.secret(secret.key).reveal() == "hush hush"


def test_a_number_that_is_none_is_refused_at_its_field(household: Household, anna: Browser) -> None:
    numbers = [
        field.setting.key
        for field in mail_form.fields(household.settings.home)
        if field.setting.kind == "number"
    ]
    answer = anna.post("/mail", {numbers[0]: "many"}, page="/mail")
    assert answer.status_code == 400
    assert "whole number" in answer.text


def test_the_test_button_really_tries_to_log_in(household: Household, anna: Browser) -> None:
    form = {field.setting.key: field.value for field in mail_form.fields(household.settings.home)}
    form |= {"mail.address": "nisse@nisse.test", "mail.password": "hush hush", "mail.imap_host": "127.0.0.1"}
    form |= {
        "mail.imap_port": str(free_port()),
        "mail.smtp_host": "127.0.0.1",
        "mail.smtp_port": str(free_port()),
    }
    verdict = anna.post("/mail/test", form, page="/mail").json
    assert verdict
    assert verdict["ok"] is False
    assert verdict["message"]
    assert "could not be run" not in verdict["message"]
    assert "hush hush" not in str(verdict)


def test_changing_ones_password_ends_other_sessions(
    household: Household, anna: Browser, otto: Browser
) -> None:
    elsewhere = Browser(household.app, address="192.0.2.60")
    elsewhere.logs_in("otto@example.org")
    form = {
        "address": "otto@example.org",
        "present": "correct horse battery",
        "password": " a new one, longer ",
    }
    assert otto.post("/you/password", form | {"present": "guess guess guess"}, page="/you").status_code == 401
    assert otto.post("/you/password", form, page="/you").status_code == 303
    assert otto.get("/you").status_code == 200
    assert elsewhere.get("/you").status_code == 303
    assert elsewhere.logs_in("otto@example.org", " a new one, longer ").location == "/"


def test_the_owner_gives_passwords_as_they_were_typed(household: Household, anna: Browser) -> None:
    member = {"name": "Ida", "address": "ida@example.org", "password": " three words here "}
    anna.post("/people", member, page="/people")
    ida = Browser(household.app, address="192.0.2.61")
    assert ida.logs_in("ida@example.org", " three words here ").location == "/"
    person = next(one for one in household.people.everybody() if one.name == "Ida")
    anna.post(f"/people/{person.id}/password", {"password": "four words are here "}, page="/people")
    assert Browser(household.app).logs_in("ida@example.org", "four words are here ").location == "/"


def test_the_house_can_have_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NISSE_HOUSE_NAME", "tomte")
    app = create_app(ground.load())
    assert Browser(app, host="tomte.local").get("/healthz").status_code == 200
    assert Browser(app, host="nisse.local").get("/healthz").status_code == 421
    with app.app_context():
        portal().close()
