"""Asking for TXT records, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import dns.resolver
import pytest

from agent.channels.mail import resolver
from agent.channels.mail.resolver import Resolver
from agent.errors import SettingsError
from agent.letters.records import NoAnswerError
from tests.live.nameserver import NameServer

pytestmark = pytest.mark.rule("E29")


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer(
        {"a.example.org": "v=DKIM1; p=abc", "long.example.org": "v=DKIM1; p=" + "A" * 3000}
    ) as opened:
        yield opened


def test_a_record_is_given_out(server: NameServer) -> None:
    assert list(Resolver(server.address)("a.example.org")) == ["v=DKIM1; p=abc"]


def test_a_long_record_is_joined_and_comes_by_tcp(server: NameServer) -> None:
    (text,) = Resolver(server.address)("long.example.org")
    assert text == "v=DKIM1; p=" + "A" * 3000
    assert server.asked == ["long.example.org"] * 2


def test_a_name_that_is_not_there_has_no_record_and_that_is_an_answer(server: NameServer) -> None:
    assert list(Resolver(server.address)("b.example.org")) == []


@pytest.mark.parametrize(
    "name", ["a" * 64 + ".example.org", "a..example.org", ("a" * 60 + ".") * 5 + "org", ""]
)
def test_what_cannot_be_a_name_has_no_record(server: NameServer, name: str) -> None:
    assert list(Resolver(server.address)(name)) == []


def test_answers_are_kept_for_a_while_also_that_there_is_none(server: NameServer) -> None:
    ask = Resolver(server.address)
    for _ in range(3):
        ask("a.example.org")
        ask("b.example.org")
    assert server.asked == ["a.example.org", "b.example.org"]


def test_a_server_that_fails_is_no_answer_and_is_asked_again_later(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Resolver(server.address)
    server.fails = True
    with pytest.raises(NoAnswerError):
        ask("a.example.org")
    asked = len(server.asked)
    with pytest.raises(NoAnswerError):
        ask("a.example.org")
    assert len(server.asked) == asked, "not at once"
    server.fails = False
    monkeypatch.setattr(resolver, "_AWAY_S", 0.0)
    fresh = Resolver(server.address)
    server.fails = True
    with pytest.raises(NoAnswerError):
        fresh("a.example.org")
    server.fails = False
    assert list(fresh("a.example.org")) == ["v=DKIM1; p=abc"]


def test_a_server_that_says_nothing_is_no_answer(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "_LIFETIME_S", 0.5)
    server.is_silent = True
    with pytest.raises(NoAnswerError):
        Resolver(server.address)("a.example.org")


def test_a_server_that_is_not_there_is_no_answer(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "_LIFETIME_S", 0.5)
    with pytest.raises(NoAnswerError):
        Resolver("127.0.0.1:1")("a.example.org")


def test_a_system_without_a_name_server_is_no_answer_and_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(*_: object, **__: object) -> None:
        raise dns.resolver.NoResolverConfiguration

    ask = Resolver()
    with monkeypatch.context() as unplugged:
        unplugged.setattr(dns.resolver, "Resolver", none)
        with pytest.raises(NoAnswerError):
            ask("a.example.org")
    assert ask._asking is None


def test_many_names_do_not_fill_the_memory(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "_MOST_KEPT", 3)
    ask = Resolver(server.address)
    for number in range(10):
        ask(f"{number}.example.org")
    assert len(ask._kept) == 3


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.168.0.1", ("192.168.0.1", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("[::1]:5353", ("::1", 5353)),
        ("fd00::1", ("fd00::1", 53)),
    ],
)
def test_a_name_server_can_be_named_with_a_port_or_without(text: str, place: tuple[str, int]) -> None:
    assert resolver._place(text) == place


@pytest.mark.parametrize("text", ["dns.example.org", "127.0.0.1:", "127.0.0.1:99999", "nonsense:53"])
def test_what_is_no_address_is_said_to_be_none(text: str) -> None:
    with pytest.raises(SettingsError, match="It looks like"):
        Resolver(text)
