"""The questions by which a house is found well or not, asked of real servers and real files."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from flask import Flask

from agent import settings
from agent.database import Migrations
from agent.settings import Settings
from agent.store import Store
from provisioning.slots import health, thorough
from tests.live.ports import free_port
from tests.live.served import Served


@contextlib.contextmanager
def brain(info: dict[str, Any], answer: dict[str, Any] | None = None) -> Iterator[Settings]:
    """A brain that says this of itself."""
    app = Flask("brain")
    app.add_url_rule("/info", "info", lambda: info)
    app.add_url_rule("/v1/chat/completions", "chat", lambda: answer or ({}, 503), methods=["POST"])
    port = free_port()
    with Served(app, port):
        yield settings.load({"NISSE_BRAIN_URL": f"http://127.0.0.1:{port}", "NISSE_HOME": "/nowhere"})


def test_a_portal_that_answers_is_well_and_one_that_is_away_is_not(tmp_path: Path) -> None:
    app = Flask("portal")
    app.add_url_rule("/healthz", "healthz", lambda: {"service": "portal", "ready": True})
    port = free_port()
    values = settings.load({"NISSE_PORTAL_LISTEN": f"0.0.0.0:{port}", "NISSE_HOME": str(tmp_path)})
    assert not health.portal(values).is_well
    from werkzeug.serving import make_server

    server = make_server("0.0.0.0", port, app, threaded=True)
    import threading

    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        assert health.portal(values).is_well
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_network_with_addresses_of_the_sixth_version_alone_does_not_make_it_ill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_six() -> dict[str, list[Any]]:
        return {
            "eth0": [SimpleNamespace(address=one) for one in ("fd00::5054", "fe80::1%eth0", "52:54:00:0:0:1")]
        }

    monkeypatch.setattr(psutil, "net_if_addrs", only_six)
    port = free_port()
    app = Flask("portal")
    app.add_url_rule("/healthz", "healthz", lambda: {"ready": True})
    values = settings.load({"NISSE_PORTAL_LISTEN": f"0.0.0.0:{port}", "NISSE_HOME": str(tmp_path)})
    with Served(app, port):
        assert health.portal(values).is_well


@pytest.mark.parametrize(
    "body",
    [b"[]", b"no JSON", b'{"ready": false}', b"{" * 100_000],
    ids=["list", "text", "not ready", "deep"],
)
def test_a_portal_that_says_anything_else_is_not_well(body: bytes, tmp_path: Path) -> None:
    app = Flask("portal")
    app.add_url_rule("/healthz", "healthz", lambda: body)
    port = free_port()
    with Served(app, port):
        found = health._page("127.0.0.1", port)
        assert len(found[1]) <= health._LONGEST_ANSWER
        values = settings.load({"NISSE_PORTAL_LISTEN": f"127.0.0.1:{port}", "NISSE_HOME": str(tmp_path)})
        assert not health.portal(values).is_well


def test_a_recovery_page_that_answers_is_well_and_one_that_is_away_is_not() -> None:
    app = Flask("recovery")
    app.add_url_rule("/healthz", "healthz", lambda: {"service": "recovery"})
    port = free_port()
    assert not health.recovery_page(port).is_well
    with Served(app, port):
        assert health.recovery_page(port).is_well


def test_sound_databases_are_well_with_tables_of_vectors_too(tmp_path: Path) -> None:
    store = Store(tmp_path / "recall.db", Migrations("nothing"))
    with store.transaction() as database:
        database.conn.execute("CREATE VIRTUAL TABLE vectors USING vec0(vector float[4])")
    assert thorough.databases(tmp_path).is_well  # while a service has it open
    store.close()
    assert thorough.databases(tmp_path) == health.Finding(
        about="databases", is_well=True, words="1 are sound"
    )


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "conversation.db"
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE letters (text)")
        database.executemany("INSERT INTO letters VALUES (?)", [["x" * 500]] * 200)
        database.commit()
    content = bytearray(file.read_bytes())
    content[8192:16384] = b"\xff" * 8192
    file.write_bytes(content)
    found = thorough.databases(tmp_path)
    assert not found.is_well
    assert "conversation.db" in found.words


def test_a_brain_that_answers_is_well() -> None:
    with brain({"ready": True, "model": "small"}, {"choices": [{"message": {"content": "Yes."}}]}) as values:
        assert thorough.brain(values).is_well


def test_a_brain_that_is_ready_and_cannot_answer_is_not_well() -> None:
    with brain({"ready": True, "model": "small"}) as values:
        assert not thorough.brain(values).is_well


@pytest.mark.parametrize(
    ("info", "is_well"),
    [
        ({"ready": False, "loading": None, "wanted": None, "state": "There is no model."}, True),
        ({"ready": False, "loading": None, "wanted": {"installed": False}, "state": "It is fetched."}, True),
        (
            {"ready": False, "loading": {"model": "x"}, "wanted": {"installed": True}, "state": "Loading."},
            False,
        ),
        (
            {"ready": False, "loading": None, "wanted": {"installed": True}, "state": "It does not load."},
            False,
        ),
    ],
)
def test_a_brain_without_an_answer_is_well_only_if_there_is_no_model(
    info: dict[str, Any], is_well: bool
) -> None:
    with brain(info) as values:
        assert thorough.brain(values).is_well is is_well


def test_a_brain_that_is_away_is_not_well() -> None:
    values = settings.load({"NISSE_BRAIN_URL": f"http://127.0.0.1:{free_port()}", "NISSE_HOME": "/nowhere"})
    assert not thorough.brain(values).is_well
