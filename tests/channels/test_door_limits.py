"""The mail door's limits: it passes nothing on, whatever it is told, and takes only so much of each."""

from __future__ import annotations

import smtplib
import ssl

import pytest

from agent.channels.door.throttle import Rate
from tests.channels.test_door import bring, encrypted, mail, open_door
from tests.live.house_at_work import House, wait_for_port
from tests.live.ports import free_port

__all__ = ["open_door"]  # the fixture

RELAYS = [
    "anna@nisse.test",
    "<anna@nisse.test>",
    "@localhost:anna@nisse.test",
    "nisse@localhost@nisse.test",
    "anna%nisse.test@localhost",
    "nisse.test!anna@localhost",
    '"anna@nisse.test"@localhost',
    "anna@[127.0.0.1]",
    "nisse@evil.localhost",
    "nisse@localhost.example.org",
    "nisse@",
    "@localhost",
    "postmaster",
]


@pytest.fixture
def narrow_door(house: House) -> int:
    """A door that takes three mails an hour of each."""
    port = free_port()
    house.environment |= {"NISSE_DOOR_LISTEN": f"127.0.0.1:{port}", "NISSE_DOOR_HOURLY": "3"}
    house.start("door")
    wait_for_port(port)
    return port


@pytest.mark.parametrize("to", RELAYS)
def test_the_door_is_no_open_relay(house: House, narrow_door: int, to: str) -> None:
    with smtplib.SMTP("127.0.0.1", narrow_door, timeout=30) as client:
        client.ehlo()
        client.mail("anna@nisse.test")
        address = to if to.startswith("<") else f"<{to}>"
        code, _words = client.docmd("RCPT", f"TO:{address}")
        assert code >= 500, to
        assert client.docmd("DATA")[0] >= 500, "nobody is left to whom it could go"
    assert house.messages() == []


def test_who_is_logged_in_cannot_send_elsewhere_either(house: House, open_door: int) -> None:
    with encrypted(open_door, house) as client:
        client.login("anna@nisse.test", "password of anna")
        client.mail("anna@nisse.test")
        for to in ("bert@nisse.test", "stranger@example.org"):
            code, words = client.rcpt(to)
            assert code == 550
            assert b"passes nothing on" in words


@pytest.mark.parametrize("word", ["VRFY anna", "EXPN everybody", "ETRN nisse.test", "TURN"])
def test_the_door_tells_nobody_who_lives_here(narrow_door: int, word: str) -> None:
    with smtplib.SMTP("127.0.0.1", narrow_door, timeout=30) as client:
        client.ehlo()
        code, words = client.docmd(word)
        assert code in {252, 500, 502}, words
        assert b"nisse.test" not in words.replace(b"nisse.test unrecognized", b"")


def test_each_may_bring_only_so_many_mails_an_hour(house: House, narrow_door: int) -> None:
    codes = []
    for number in range(5):
        made = mail(text=f"question {number}")
        made.replace_header("Message-ID", f"<{number}@nisse.test>")
        codes.append(bring(narrow_door, made)[0])
    assert codes == [250, 250, 250, 450, 450]
    berts = mail(sender="bert@nisse.test")
    berts.replace_header("Message-ID", "<b@nisse.test>")
    assert bring(narrow_door, berts)[0] == 250, "nobody waits for what another brought"
    assert len(house.messages()) == 4


def test_the_houses_further_mailboxes_are_names_of_it_too(house: House) -> None:
    from agent import settings

    settings.save(house.home, {"mail.more.garden.address": "Garden@example.org"})
    port = free_port()
    house.environment["NISSE_DOOR_LISTEN"] = f"127.0.0.1:{port}"
    house.start("door")
    wait_for_port(port)
    assert bring(port, mail(), to="garden@example.org")[0] == 250


@pytest.mark.rule("E54")
def test_beyond_the_box_a_password_is_heard_over_tls_only(house: House, open_door: int) -> None:
    with smtplib.SMTP("127.0.0.1", open_door, timeout=30) as client:
        client.ehlo()
        assert client.has_extn("starttls")
        assert client.docmd("AUTH", "PLAIN AGFubmEAcGFzc3dvcmQ=")[0] >= 500
    with encrypted(open_door, house) as client:
        assert isinstance(client.sock, ssl.SSLSocket)
        assert client.sock.version() in {"TLSv1.2", "TLSv1.3"}


def test_an_hour_slides() -> None:
    rate = Rate(2)
    assert [rate.takes("anna", now) for now in (0.0, 1800.0, 3000.0)] == [True, True, False]
    assert rate.takes("bert", 3000.0)
    assert [rate.takes("anna", now) for now in (3600.0, 3601.0, 5400.0)] == [True, False, True]


def test_senders_that_are_made_up_fill_no_memory() -> None:
    rate = Rate(1)
    for number in range(5_000):
        assert rate.takes(f"{number}@example.org", 0.0)
    assert len(rate._brought) <= 1_000
