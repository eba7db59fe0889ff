"""What all tests share: a home of their own, the small models, and the rule that CI skips nothing.

Owns: where tests keep state and models.
Does not know: any service.
"""

from __future__ import annotations

import os
import shutil
import string
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from tests.live.postoffice import PostOffice

_CHECKOUT = Path(__file__).parent.parent
MODELS_FOLDER = Path(os.environ.get("NISSE_MODELS_FOLDER_FOR_TESTS") or _CHECKOUT / "build" / "models")
CHAT_MODEL = "smollm2-135m-instruct-q4_1"
EMBEDDER = "all-minilm-l6-v2"
# What the smallest model is sure how to go on with. Only there two answers may be compared: other batches round otherwise, and of
# two words that are nearly as likely either may be taken.
COUNTING = ", ".join(str(number) for number in range(1, 30)) + ","


def repeating(letters: str = string.ascii_uppercase) -> str:
    """A question to whose answer the same applies; also if the letters begin with N or T, or run backwards."""
    return "Repeat this word for word: " + ", ".join(letters)


_PROGRAMS = ("postfix", "dovecot", "avahi-daemon", "chromium", "ip")

# A slow machine is no fault of what is tested.
hypothesis.settings.register_profile(
    "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without the servers or without root, the tests that need them are skipped on a desk, and fail in CI."""
    if os.environ.get("CI"):
        return
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [program for program in _PROGRAMS if not shutil.which(program, path=path)]
    for item in items:
        if item.get_closest_marker("servers") and missing:
            item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(missing)}; `make test` installs them"))
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of whoever runs the tests reaches them, and none of theirs reaches the real home."""
    for variable in [name for name in os.environ if name.startswith("NISSE_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("NISSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NISSE_MODELS_FOLDER", str(MODELS_FOLDER))


@pytest.fixture(scope="module")
def short_path() -> Iterator[Path]:
    """A folder whose name is short enough for Unix sockets (108 characters at most)."""
    folder = Path(tempfile.mkdtemp(prefix="nisse-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder that holds the smallest chat model and the embedder, fetched once."""
    from agent.models.fetch import fetch_named

    for name in (CHAT_MODEL, EMBEDDER):
        fetch_named(name, MODELS_FOLDER)
    return MODELS_FOLDER


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostOffice]:
    """A real post office of this module's own."""
    from tests.live.postoffice import PostOffice

    with PostOffice(tmp_path_factory.mktemp("office")) as office:
        yield office
