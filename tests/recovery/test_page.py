"""The page of a box that needs help."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from provisioning.recovery import __main__ as recovery
from provisioning.recovery.page import Trouble, on_screen, page


@pytest.fixture
def address() -> Iterator[str]:
    """The page's server on a free port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), recovery.Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def fetch(url: str) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url, timeout=10)
    with caught.value as answer:
        return answer.code, answer.read().decode()


def test_people_get_the_page_whatever_they_ask_for(address: str) -> None:
    status, text = fetch(f"{address}/anything?at=all")
    assert status == 503
    assert "What you can do" in text


def test_programs_are_told_that_the_house_is_not_well(address: str) -> None:
    status, text = fetch(f"{address}/healthz")
    assert status == 503
    assert json.loads(text) == {"mode": "recovery", "ready": False}


def test_what_failed_is_shown_as_text(tmp_path: Path) -> None:
    (tmp_path / "run/nisse").mkdir(parents=True)
    (tmp_path / "run/nisse/trouble").write_text("<script>alert(1)</script>")
    shown = page(recovery.known(tmp_path))
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown


def test_the_loaders_word_is_told_from_a_failed_start(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cmdline").write_text("ro nisse.mode=recovery\n")
    assert recovery.known(tmp_path).asked_by_loader
    assert "Neither" in on_screen(Trouble(asked_by_loader=True, said=""))
    assert "could not be started" in on_screen(Trouble(asked_by_loader=False, said=""))
