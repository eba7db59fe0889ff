"""The page Health says why this model, and what became of a death of too little memory."""

from __future__ import annotations

from agent.wire.call import client
from tests.fakes.house import Far
from webui.portal import portal

from .conftest import Browser, Household

NOTICE = "The box ran out of memory with Qwen <b>and</b> conversations of 4096 tokens."


def _health(household: Household, anna: Browser, facts: dict[str, object]) -> str:
    with Far({"ready": True, "state": "Qwen answers.", **facts}) as brain:
        with household.app.app_context():
            clients = portal().house.clients
        clients["brain"].close()
        clients["brain"] = client(household.settings.with_values({"brain.url": brain.url}), "brain")
        shown = anna.get("/health")
    assert shown.status_code == 200
    return shown.text


def test_the_brains_reasons_and_its_notice_are_shown(household: Household, anna: Browser) -> None:
    page = _health(household, anna, {"why": ["It is the largest.", "It takes 700 MB."], "notice": NOTICE})
    assert "Why this model" in page
    assert "It takes 700 MB." in page
    assert "ran out of memory with Qwen &lt;b&gt;" in page


def test_without_them_nothing_is_said(household: Household, anna: Browser) -> None:
    page = _health(household, anna, {"why": [], "notice": ""})
    assert "Why this model" not in page
    assert 'class="notice"' not in page
