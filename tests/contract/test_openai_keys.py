"""API keys, from the command that makes one to the client that shows it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from openai import OpenAI

from tests.conftest import CHAT_MODEL
from tests.live.running import CHECKOUT, Running, until

pytestmark = pytest.mark.models

TOKEN = "the-house-token-of-this-test"


@pytest.fixture(scope="module")
def guarded(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A brain that demands its token, as it does at any address but loopback."""
    values = {"brain.model": CHAT_MODEL, "brain.context": "512", "brain.token": TOKEN}
    with Running(tmp_path_factory.mktemp("guarded"), values) as running:
        running.start("brain", wait_for="brain")
        until(lambda: (running.answers("brain") or {}).get("ready"), 60, "a ready brain")
        yield running


def nisse(running: Running, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent", *words],
        cwd=CHECKOUT, env=running.environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def asks(running: Running, key: str) -> str:
    with OpenAI(base_url=f"{running.settings.text('brain.url')}/v1", api_key=key, max_retries=0) as client:
        answer = client.completions.create(model=CHAT_MODEL, prompt="Hi", max_tokens=1)
        return str(answer.object)


def test_a_key_opens_until_it_is_revoked(guarded: Running) -> None:
    made = nisse(guarded, "key", "new", "laptop")
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert re.fullmatch(r"nisse-[\w-]{43}", key)
    assert asks(guarded, key) == "text_completion"
    assert asks(guarded, TOKEN) == "text_completion"

    listed = nisse(guarded, "key", "list").stdout
    assert "laptop" in listed
    assert key not in listed
    assert nisse(guarded, "key", "new", "laptop").returncode != 0

    assert nisse(guarded, "key", "revoke", "laptop").returncode == 0
    with pytest.raises(openai.AuthenticationError):
        asks(guarded, key)
    assert "revoked" in nisse(guarded, "key", "list").stdout
    log = (guarded.home / "brain.out").read_text()
    assert key not in log
    kept = b"".join(file.read_bytes() for file in guarded.home.glob("brain.db*"))
    assert key.encode() not in kept


@pytest.mark.parametrize("key", ["nisse-wrong", "sk-wrong", TOKEN + "x"])
def test_where_a_token_is_demanded_no_wrong_one_will_do(guarded: Running, key: str) -> None:
    with pytest.raises(openai.AuthenticationError) as refused:
        asks(guarded, key)
    assert refused.value.status_code == 401


def test_without_any_it_is_refused_as_well(guarded: Running) -> None:
    url = guarded.settings.text("brain.url")
    refused = httpx.post(f"{url}/v1/completions", json={"prompt": "Hi"}, trust_env=False)
    assert refused.status_code == 401
    assert refused.json()["error"]["type"] == "invalid_request_error"


def test_a_key_opens_the_model_and_nothing_else(guarded: Running) -> None:
    key = nisse(guarded, "key", "new", "guest").stdout.strip()
    url, shown = guarded.settings.text("brain.url"), {"Authorization": f"Bearer {key}"}
    assert httpx.get(f"{url}/v1/models", headers=shown, trust_env=False).status_code == 200
    for path in ("/info", "/metrics", "/keys"):
        assert httpx.get(f"{url}{path}", headers=shown, trust_env=False).status_code == 403
    assert httpx.post(f"{url}/keys", json={"name": "x"}, headers=shown, trust_env=False).status_code == 403


def test_on_this_machine_no_key_is_needed_but_a_wrong_one_is_refused(brain: Running) -> None:
    assert asks(brain, "not needed") == "text_completion"
    key = nisse(brain, "key", "new", "desk").stdout.strip()
    assert asks(brain, key) == "text_completion"
    with pytest.raises(openai.AuthenticationError):
        asks(brain, key[:-1])
    assert nisse(brain, "key", "revoke", "desk").returncode == 0
    with pytest.raises(openai.AuthenticationError):
        asks(brain, key)
