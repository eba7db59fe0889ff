"""The client's end: what it demands of whoever answers."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator

import pytest
import trustme
from flask import Flask
from werkzeug.serving import make_server

from agent.errors import UnreachableError
from agent.settings import Secret
from agent.wire.call import Client
from tests.live.served import Served


@pytest.fixture
def encrypted() -> Iterator[tuple[str, trustme.CA]]:
    """A service by HTTPS, proven by an authority that nobody knows."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    app = Flask("encrypted")
    app.add_url_rule("/info", "info", lambda: {"service": "brain"})
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}", authority
    server.shutdown()
    thread.join(5)
    server.server_close()


def test_a_service_that_cannot_prove_who_it_is_gets_nothing(encrypted: tuple[str, trustme.CA]) -> None:
    client = Client("brain", encrypted[0], Secret("a token"))
    with pytest.raises(UnreachableError):
        client.get("/info")
    client.close()


def test_an_authority_that_this_machine_trusts_is_enough(
    encrypted: tuple[str, trustme.CA],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path_factory.mktemp("authority") / "authority.pem"
    encrypted[1].cert_pem.write_to_path(str(file))
    monkeypatch.setattr("certifi.where", lambda: str(file))
    client = Client("brain", encrypted[0], Secret("a token"))
    assert client.get("/info") == {"service": "brain"}
    client.close()


def test_a_service_on_this_machine_is_asked_without_reading_the_webs_authorities(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("the authorities were read")

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", read)
    app = Flask("brain")
    app.add_url_rule("/info", "info", lambda: {"service": "brain"})
    with Served(app) as served:
        client = Client("brain", served.url, Secret())
        assert client.get("/info") == {"service": "brain"}
        client.close()
