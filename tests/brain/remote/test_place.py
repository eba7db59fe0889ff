"""The settings that name a server, and what is wrong with them."""

from __future__ import annotations

import pytest

from agent import settings
from agent.brain.remote.place import named
from agent.errors import SettingsError


def test_no_address_means_no_server() -> None:
    assert named(settings.load()) is None


@pytest.mark.parametrize(
    ("url", "means"),
    [
        ("http://10.0.0.5:8000/v1", "http://10.0.0.5:8000/v1"),
        ("http://10.0.0.5:8000/v1/", "http://10.0.0.5:8000/v1"),
        (" http://ollama.lan:11434 ", "http://ollama.lan:11434/v1"),
        ("https://example.org/llm/v1", "https://example.org/llm/v1"),
    ],
)
def test_addresses(url: str, means: str) -> None:
    place = named(settings.load().with_values({"brain.remote": url, "brain.remote_key": "sk-hush"}))
    assert place is not None
    assert place.url == means
    assert "hush" not in repr(place)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"brain.remote": "10.0.0.5:8000"}, "no address"),
        ({"brain.remote": "ftp://10.0.0.5/v1"}, "no address"),
        ({"brain.remote": "http://"}, "no address"),
        ({"brain.remote": "http://[::1/v1"}, "no address"),
        ({"brain.remote": "http://me:word@10.0.0.5/v1"}, "remote_key"),
        ({"brain.remote": "http://10.0.0.5/v1?key=x"}, "nothing else"),
        ({"brain.remote": "http://10.0.0.5/v1", "brain.remote_key": "sk\nx"}, "no key has"),
        ({"brain.remote": "http://10.0.0.5/v1", "brain.remote_key": "schlüssel"}, "no key has"),
    ],
)
def test_what_cannot_be_right_is_said(values: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        named(settings.load().with_values(dict(values)))
    assert "word" not in str(refused.value)
