"""The table of providers, and server names from the provider's own file by Mozilla's convention."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import pytest
import trustme

from agent.channels.mail import assisting, autoconfig, providers
from agent.channels.mail.account import permission_client
from agent.errors import NotFoundError
from agent.settings import load
from tests.live.house_at_work import CHECKOUT

FILE = """<?xml version="1.0"?>
<clientConfig version="1.1">
  <emailProvider id="example.org">
    <domain>example.org</domain><displayName>Example Mail</displayName>
    <incomingServer type="pop3"><hostname>pop.example.org</hostname><port>995</port><socketType>SSL</socketType></incomingServer>
    <incomingServer type="imap"><hostname>plain.example.org</hostname><port>143</port><socketType>plain</socketType></incomingServer>
    <incomingServer type="imap"><hostname>imap.example.org</hostname><port>993</port><socketType>SSL</socketType>
      <authentication>password-cleartext</authentication><username>%EMAILLOCALPART%</username></incomingServer>
    <outgoingServer type="smtp"><hostname>smtp.example.org</hostname><port>587</port><socketType>STARTTLS</socketType>
      <authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username></outgoingServer>
  </emailProvider>
</clientConfig>"""


def test_the_table_is_sound() -> None:
    table = providers.everybody()
    assert len(table) >= 25
    domains = [domain for one in table for domain in one.domains]
    assert len(domains) == len(set(domains)), "a domain belongs to one provider"
    for one in table:
        assert one.password in providers.PASSWORD_KINDS, one.name
        assert one.user in (providers.LOCAL, providers.ADDRESS), one.name
        assert one.domains or one.hosts, one.name
        for server in (one.imap, one.smtp):
            assert server.security in ("tls", "starttls"), f"{one.name}: never unencrypted"
            assert re.fullmatch(r"[a-z0-9.-]+", server.host), one.name
        assert one.steps or one.password == "usual", f"{one.name}: what must be clicked is missing"
        assert all(step[0].isupper() and step.endswith((".", "here.")) for step in one.steps), one.name
        assert one.password != "oauth2" or one.token_url.startswith("https://"), one.name


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("nisse@gmail.com", "gmail"),
        ("Nisse@GoogleMail.com", "gmail"),
        ("nisse@outlook.com", "outlook"),
        ("nisse@firm.onmicrosoft.com", "microsoft365"),
        ("nisse@posteo.de", "posteo"),
        ("nisse@gmx.net", "gmx"),
    ],
)
def test_a_provider_is_known_by_the_address(address: str, name: str) -> None:
    found = providers.of_address(address)
    assert found
    assert found.name == name


@pytest.mark.parametrize(
    "address", ["", "@", "nisse", "nisse@example.org", "nisse@evil-gmail.com", "gmail.com"]
)
def test_nobody_else_is_taken_for_one(address: str) -> None:
    assert providers.of_address(address) is None or address == "gmail.com"


def test_a_provider_is_known_by_its_servers() -> None:
    by_mx = providers.of_mail_server("alt1.aspmx.l.google.com")
    assert by_mx
    assert by_mx.name == "gmail"
    assert providers.of_mail_server("mx.notgoogle.com") is None
    by_smtp = providers.of_server("smtp.office365.com")
    assert by_smtp
    assert by_smtp.name == "microsoft365"
    assert providers.of_server("") is None


def test_the_login_is_what_the_provider_wants() -> None:
    found = providers.of_address("nisse@free.fr")
    assert found
    assert found.login("nisse@free.fr") == "nisse"


def test_the_addresses_for_a_permission_come_from_the_table_if_the_settings_leave_them_open(
    tmp_path: Path,
) -> None:
    settings = load({"NISSE_HOME": str(tmp_path), "NISSE_MAIL_ADDRESS": "nisse@outlook.com"})
    assert permission_client(settings).device_url.startswith("https://login.microsoftonline.com/consumers/")
    firm = settings.with_values(
        {"mail.address": "nisse@firm.example", "mail.smtp_host": "smtp.office365.com"}
    )
    assert "/organizations/" in permission_client(firm).token_url
    own = firm.with_values({"mail.oauth_token_url": "https://login.firm.example/token"})
    assert permission_client(own).token_url == "https://login.firm.example/token"


def test_of_a_providers_file_the_first_encrypted_servers_are_taken() -> None:
    found = autoconfig.read(FILE.encode(), "nisse@example.org", asked="autoconfig.example.org")
    assert found
    assert (found.imap.host, found.imap.port, found.imap.security) == ("imap.example.org", 993, "tls")
    assert (found.smtp.host, found.smtp.port, found.smtp.security) == ("smtp.example.org", 587, "starttls")
    assert (found.user, found.login, found.title) == ("nisse", "password", "Example Mail")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<html>not found</html>",
        "<clientConfig/>",
        FILE.replace("SSL", "plain"),
        FILE.replace("imap.example.org", "imap.example.org/../x").replace("plain.example", "b@d"),
        FILE.replace("993", "99999999"),
        '<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><clientConfig>&c;</clientConfig>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + FILE.partition("?>")[2].replace("Example", "&a;"),
        "<a>" * 50_000,
    ],
)  # fmt: skip
def test_what_is_no_such_file_is_no_answer(content: str) -> None:
    assert autoconfig.read(content.encode(), "nisse@example.org", asked="x") is None


def test_only_the_domain_is_told_to_anybody() -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes | None:
        asked.append(url)
        return None

    with pytest.raises(NotFoundError, match=r"servers of example\.org"):
        autoconfig.look_up("secret.name@example.org", fetch, "mx.hoster.example")
    assert asked == [
        "https://autoconfig.example.org/mail/config-v1.1.xml",
        "https://example.org/.well-known/autoconfig/mail/config-v1.1.xml",
        "https://autoconfig.thunderbird.net/v1.1/example.org",
        "https://autoconfig.thunderbird.net/v1.1/hoster.example",
    ]
    assert "secret" not in "".join(asked)


@pytest.mark.parametrize(
    "address", ["x", "x@", "x@localhost", "x@exa mple.org", "x@example.org/y", "x@127.0.0.1:80"]
)
def test_what_is_no_address_is_never_asked_about(address: str) -> None:
    with pytest.raises(NotFoundError, match="no mail address"):
        autoconfig.look_up(address, lambda _url: pytest.fail("somebody was asked"))


def test_nobody_outside_is_asked_without_being_allowed(tmp_path: Path) -> None:
    settings = load({"NISSE_HOME": str(tmp_path)})
    with pytest.raises(NotFoundError, match="if you allow it"):
        assisting.suggest(settings, {"address": "nisse@example.org"})


def test_a_file_is_fetched_over_an_encrypted_connection_that_proves_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    with _FileServer(authority, FILE.encode()) as server:
        assert autoconfig.fetch(f"https://127.0.0.1:{server.port}/config") is None, "nobody vouches for it"
        trusted = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(trusted)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        assert autoconfig.fetch(f"https://127.0.0.1:{server.port}/config") == FILE.encode()
        assert autoconfig.fetch(f"https://127.0.0.1:{server.port}/elsewhere") == FILE.encode()
        assert autoconfig.fetch(f"https://127.0.0.1:{server.port}/unencrypted") is None
        assert autoconfig.fetch(f"https://127.0.0.1:{server.port}/nothing") is None


def test_the_form_is_helped_by_a_process_of_its_own(tmp_path: Path) -> None:
    def assist(task: str, question: str) -> dict[str, Any]:
        ended = subprocess.run(
            [sys.executable, "-m", "agent", "assist", "mail", task],
            input=question,
            capture_output=True,
            text=True,
            check=True,
            cwd=CHECKOUT,
            env={"NISSE_HOME": str(tmp_path), "PATH": "/usr/bin"},
        )
        return dict(json.loads(ended.stdout))

    found = assist("suggest", '{"address": "nisse@icloud.com"}')
    assert found["ok"] is True
    assert found["values"]["mail.imap_host"] == "imap.mail.me.com"
    assert found["password"] == "app"
    assert any("App-Specific" in step for step in found["steps"])
    assert assist("suggest", "no JSON")["ok"] is False
    assert "There are:" in assist("nonsense", "{}")["hint"]
    assert "client id is missing" in assist("permit", "{}")["message"]
    assert len(assist("known", "{}")["providers"]) >= 25


class _FileServer:
    """An HTTPS server of one file, with redirects to it and away from it."""

    def __init__(self, authority: trustme.CA, content: bytes) -> None:
        import http.server
        import threading

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                redirects = {"/elsewhere": "/config", "/unencrypted": f"http://127.0.0.1:{port}/config"}
                if self.path in redirects:
                    self.send_response(302)
                    self.send_header("Location", redirects[self.path])
                    self.end_headers()
                    return
                self.send_response(200 if self.path == "/config" else 404)
                self.end_headers()
                if self.path == "/config":
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
