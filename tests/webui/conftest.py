"""A house for the portal's tests: the real conversation and the real recall on real sockets, with a scripted brain."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from agent import claim
from agent import settings as ground
from agent.conversation import service as conversation
from tests.live.ports import free_port
from tests.live.served import Served
from webui import create_app
from webui.portal import portal

from .privileged import Helper

NAME, ADDRESS, PASSWORD = "Anna", "anna@example.org", "correct horse battery"


class Household:
    """A real conversation, the portal before it, and the clock that both tests and sessions read."""

    def __init__(self, home: Path) -> None:
        self.now = 1_800_000_000.0
        self._conversation = free_port()
        nowhere = {
            f"NISSE_{name}_URL": f"http://127.0.0.1:{free_port()}" for name in ("BRAIN", "RECALL", "UPDATES")
        }
        here = {
            "NISSE_CONVERSATION_URL": f"http://127.0.0.1:{self._conversation}",
            "NISSE_HOME": str(home),
            "NISSE_RECALL_MAX_DOCUMENT": "1",
        }
        self.settings = ground.load({**os.environ, **nowhere, **here})
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        room = self.room = conversation.furnish(self.settings)
        self.people = room.people
        self._running.callback(room.store.close)
        self._running.enter_context(Served(conversation.create_app(self.settings, room), self._conversation))
        self.app = create_app(self.settings, clock=lambda: self.now, ticks=lambda: self.now)
        return self

    def falls_asleep(self) -> None:
        """Conversation is away, as if its process had gone."""
        self._running.close()

    def __exit__(self, *_: object) -> None:
        self._running.close()
        with self.app.app_context():
            portal().close()


class Browser:
    """Somebody with a browser: keeps cookies, and brings back the token of the page last seen."""

    def __init__(self, app: Flask, host: str = "localhost", address: str = "192.0.2.7") -> None:
        self.client: FlaskClient = app.test_client()
        self.base, self.address = f"http://{host}", address

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(
            path,
            base_url=self.base,
            headers=headers,
            environ_base={"REMOTE_ADDR": self.address},
            buffered=True,
        )

    def token(self, path: str) -> str:
        found = re.search(r'name="csrf" (?:value|content)="([0-9a-f]+)"', self.get(path).text)
        assert found, f"{path} has no token"
        return found[1]

    def post(self, path: str, form: Mapping[str, object], *, page: str) -> TestResponse:
        """Sends a form of the page."""
        return self.client.post(
            path,
            data={**form, "csrf": self.token(page)},
            base_url=self.base,
            headers={"Origin": self.base},
            environ_base={"REMOTE_ADDR": self.address},
        )

    def post_json(self, path: str, body: Mapping[str, object]) -> TestResponse:
        return self.client.post(
            path,
            json=body,
            base_url=self.base,
            headers={"Origin": self.base, "X-CSRF-Token": self.token("/help")},
            environ_base={"REMOTE_ADDR": self.address},
        )

    def types_the_code(self, home: Path) -> TestResponse:
        return self.post("/setup/code", {"code": claim.code(home)}, page="/setup")

    def becomes_owner(self, home: Path, address: str = ADDRESS) -> TestResponse:
        self.types_the_code(home)
        return self.post(
            "/setup/owner", {"name": NAME, "address": address, "password": PASSWORD}, page="/setup"
        )

    def logs_in(self, address: str = ADDRESS, password: str = PASSWORD, **more: object) -> TestResponse:
        return self.post("/login", {"address": address, "password": password, **more}, page="/login")


@pytest.fixture
def household(tmp_path: Path) -> Iterator[Household]:
    with Household(tmp_path / "home") as household:
        yield household


@pytest.fixture
def anna(household: Household) -> Browser:
    """The owner's browser, after the wizard."""
    browser = Browser(household.app)
    browser.becomes_owner(household.settings.home)
    browser.post("/setup/mail", {"skip": "1"}, page="/setup/mail")
    browser.get("/setup/done")
    return browser


@pytest.fixture
def otto(household: Household, anna: Browser) -> Browser:
    """A member's browser."""
    member = {"name": "Otto", "address": "otto@example.org", "password": PASSWORD}
    anna.post("/people", member, page="/people")
    browser = Browser(household.app, address="192.0.2.8")
    browser.logs_in("otto@example.org")
    return browser


@pytest.fixture
def helper(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Helper]:
    """A box around the portal."""
    folder = short_path / os.urandom(4).hex()
    folder.mkdir()
    (folder / "box.json").write_text(
        json.dumps({"version": "0.4.0", "board": "pc", "slot": "a", "second_slot": True, "failed": []})
    )
    monkeypatch.setenv("NISSE_RUN", str(folder))
    found = Helper(folder)
    yield found
    found.close()
