"""Logging in by permission instead of a password (OAuth 2.0), for providers that take no password from programs any more.

Owns: access tokens from a refresh token (RFC 6749), and asking the owner for that one on another screen (RFC 8628).
Does not know: IMAP, SMTP, or any provider. The client id is the owner's own: the house brings none, and no secret.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agent import logs
from agent.errors import AuthenticationError, NisseError, SettingsError, UnreachableError
from agent.settings import Secret

if TYPE_CHECKING:  # its database is loaded for a mailbox that lacks nothing
    from agent.channels.mail.journal import Journal

_TIMEOUT_S = 20.0
_HERE = ("127.0.0.1", "::1", "localhost")
_LARGEST_ANSWER = 100_000  # bytes
_EARLY_S = 120.0  # a token that ends so soon is not used any more
_USUAL_LIFE_S = 3600.0
_WAITING = ("authorization_pending", "slow_down")
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True, kw_only=True)
class Client:
    """The owner's registration at the provider."""

    client_id: str
    secret: Secret = field(repr=False)  # some providers want one; empty: none
    token_url: str
    device_url: str = ""
    scope: str = ""
    ca_file: str = ""

    def ask(self, url: str, form: dict[str, str]) -> dict[str, Any]:
        """What the provider answers; an `error` in it is one of the protocol's own.

        Args:
            url: Which of its addresses.
            form: The question, without the client.

        Raises:
            SettingsError: The address is no encrypted one.
            UnreachableError: It does not answer, or not in the protocol's words.
        """
        host = urlsplit(url).hostname or ""
        if not (url.startswith("https://") or (url.startswith("http://") and host in _HERE)):
            raise SettingsError(f"{url[:100]} is no encrypted address.", hint="It begins with https://.")
        whole = form | {"client_id": self.client_id}
        if self.secret:
            whole["client_secret"] = self.secret.reveal()
        import httpx  # noqa: PLC0415 - few mailboxes are entered by permission

        try:
            with httpx.Client(verify=self._tls(), timeout=_TIMEOUT_S, follow_redirects=False) as client:
                answer = client.post(url, data=whole, headers={"Accept": "application/json"})
            body = json.loads(answer.content[:_LARGEST_ANSWER])
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as away:
            raise UnreachableError(
                f"{host} does not answer as a provider's login does.", hint="Look at its address."
            ) from away
        if answer.status_code >= 500 or not isinstance(body, dict):
            raise UnreachableError(f"{host} cannot answer just now ({answer.status_code}).")
        return body

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self.ca_file:
            try:
                context.load_verify_locations(Path(self.ca_file).expanduser())
            except (OSError, ssl.SSLError) as unreadable:
                raise SettingsError(f"The certificate file {self.ca_file} cannot be read.") from unreadable
        return context


class AccessToken:
    """The token that stands in for the password, renewed before it ends. Safe to use from several threads."""

    def __init__(self, client: Client, refresh_token: Secret, journal: Journal | None = None) -> None:
        """Asks nobody yet.

        Args:
            client: The owner's registration.
            refresh_token: The permission that the owner gave.
            journal: Remembers a newer permission, as some providers replace it at each use; None: it is forgotten at the end.
        """
        self._client = client
        self._given = refresh_token
        self._journal = journal
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0
        self._is_fresh = False

    def current(self) -> str:
        """The access token that holds now (see `Token`)."""
        with self._lock:
            if not self._token or time.monotonic() >= self._until:
                self._renew()
            else:
                self._is_fresh = False
            return self._token

    def refused(self) -> bool:
        """The server did not take it; whether a fresh one may help (see `Token`)."""
        with self._lock:
            self._token = ""
            return not self._is_fresh

    def _renew(self) -> None:
        refresh = self._newest()
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        body = self._client.ask(self._client.token_url, form)
        if "error" in body or not body.get("access_token"):
            raise AuthenticationError(
                f"The provider does not let the house in any more: {_said(body)}.",
                hint="Give it the permission anew on the page Mail.",
            )
        self._token = str(body["access_token"])
        logs.keep_secret(self._token)
        self._until = time.monotonic() + max(0.0, _seconds(body, "expires_in", _USUAL_LIFE_S) - _EARLY_S)
        self._is_fresh = True
        newer = str(body.get("refresh_token") or "")
        if newer and newer != refresh and self._journal:
            self._journal.keep_permission(self._given.reveal(), newer)
            logs.keep_secret(newer)

    def _newest(self) -> str:
        kept = self._journal.permission(self._given.reveal()) if self._journal else ""
        return kept or self._given.reveal()


@dataclass(frozen=True, kw_only=True)
class Question:
    """What the owner does on another screen."""

    code: str  # to type there
    url: str  # where
    device_code: str = field(repr=False)  # by which the answer is fetched
    every: float  # seconds between two looks at the answer
    lasts: float  # seconds


def ask_owner(client: Client) -> Question:
    """Begins to ask for permission.

    Raises:
        SettingsError: The provider does not know the client, or knows no such way.
        UnreachableError: It does not answer.
    """
    body = client.ask(client.device_url, {"scope": client.scope})
    if "error" in body:
        raise SettingsError(
            f"The provider does not take this client: {_said(body)}.",
            hint="Look at the client id; at the provider the device login must be allowed for it.",
        )
    url = str(body.get("verification_uri") or body.get("verification_url") or "")
    if not (body.get("user_code") and body.get("device_code") and url.startswith("https://")):
        raise UnreachableError("The provider's answer makes no sense.")
    return Question(
        code=str(body["user_code"])[:50],
        url=url[:500],
        device_code=str(body["device_code"]),
        every=max(1.0, _seconds(body, "interval", 5.0)),
        lasts=_seconds(body, "expires_in", 900.0),
    )


def fetch_permission(client: Client, device_code: str) -> str:
    """The refresh token; empty while the owner has not said yes.

    Raises:
        AuthenticationError: The owner said no, or the time is up.
        UnreachableError: The provider does not answer.
    """
    body = client.ask(client.token_url, {"grant_type": _DEVICE_GRANT, "device_code": device_code})
    if body.get("error") in _WAITING:
        return ""
    if "error" in body:
        raise AuthenticationError(f"The provider gave no permission: {_said(body)}.", hint="Begin once more.")
    if not body.get("refresh_token"):
        raise NisseError(
            "The provider gave a permission that ends by itself.",
            hint="Its scope must hold offline_access.",
        )
    return str(body["refresh_token"])


def _said(body: dict[str, Any]) -> str:
    words = str(body.get("error_description") or body.get("error") or "it gave no token")
    return " ".join(words.split())[:200].rstrip(".")


def _seconds(body: dict[str, Any], name: str, usual: float) -> float:
    try:
        return min(float(body[name]), 10 * 365 * 24 * 3600.0)
    except (KeyError, TypeError, ValueError):
        return usual
