"""Calling a service over HTTP: time-outs, the token, and its errors raised here as the same errors.

Owns: the client side of the wire.
Does not know: any service's routes.
"""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from agent import errors
from agent.errors import UnreachableError
from agent.settings import Secret, Settings

_CONNECT_S = 5.0
_READ_S = 30.0


class Client:
    """Calls one service. Safe to use from several threads."""

    def __init__(self, name: str, url: str, token: Secret, *, read_timeout: float = _READ_S) -> None:
        """Makes the client; nothing is sent yet.

        Args:
            name: The service's name, for the words of errors.
            url: Where it is, as `http://host:port`.
            token: Its token, or an empty one.
            read_timeout: Seconds to wait for each piece of an answer.
        """
        self.name = name
        headers = {"Authorization": f"Bearer {token.reveal()}"} if token else {}
        # Services talk to the addresses that the settings name, never through a proxy that the environment names.
        self._http = httpx.Client(
            base_url=url,
            headers=headers,
            timeout=httpx.Timeout(read_timeout, connect=_CONNECT_S),
            trust_env=False,
            verify=_proofs(url),
        )

    def get(self, path: str, *, timeout: float | None = None, **query: Any) -> Any:
        """GET; the decoded JSON answer."""
        return self._ask("GET", path, query=query, timeout=timeout)

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, timeout: float | None = None) -> Any:
        """POST a JSON object; the decoded JSON answer."""
        return self._ask("POST", path, body=body or {}, timeout=timeout)

    def delete(self, path: str) -> Any:
        """DELETE; the decoded JSON answer."""
        return self._ask("DELETE", path)

    def events(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Iterator[str]:
        """The data of a stream of server-sent events, as it arrives; with a body by POST, else by GET.

        A comment, by which the service shows that it is still at work, comes as an empty string.

        Closing the iterator hangs up, by which the service sees that nobody waits any more.
        """
        request = self._http.build_request(
            "GET" if body is None else "POST",
            path,
            json=body,
            headers=dict(headers or {}),
            timeout=timeout if timeout is not None else httpx.USE_CLIENT_DEFAULT,
        )
        with self._errors():
            answer = self._http.send(request, stream=True)
            try:
                if answer.status_code >= 400:
                    answer.read()
                    self._raise(answer)
                for line in answer.iter_lines():
                    if line.startswith(("data:", ":")):
                        yield line.removeprefix("data:").strip() if line.startswith("data:") else ""
            finally:
                answer.close()

    def close(self) -> None:
        """Ends all connections."""
        self._http.close()

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Any:
        with self._errors():
            answer = self._http.request(
                method,
                path,
                json=body,
                params=query,
                timeout=timeout if timeout is not None else httpx.USE_CLIENT_DEFAULT,
            )
        if answer.status_code >= 400:
            self._raise(answer)
        return answer.json() if answer.content else None

    def _raise(self, answer: httpx.Response) -> None:
        try:
            body = answer.json()
        except json.JSONDecodeError:
            body = None
        error = errors.from_json(answer.status_code, body)
        if answer.headers.get("Retry-After", "").isdigit():
            error.retry_after = float(answer.headers["Retry-After"])
        raise error

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as failed:
            raise UnreachableError(
                f"{self.name} does not answer.",
                hint="It may be starting; `nisse status` shows.",
                retry_after=5,
            ) from failed


def _proofs(url: str) -> ssl.SSLContext:
    """What the other end must prove: all that the web asks for; where nothing is encrypted there is nothing to prove.

    To read every public authority for that takes 20 ms and 1 MB a client, and most services have several.
    """
    if url.lower().startswith("https:"):
        return httpx.create_ssl_context(trust_env=False)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody


def client(settings: Settings, service: str, *, read_timeout: float = _READ_S) -> Client:
    """A client of one of the house's services, at the address that the settings give.

    Args:
        settings: The values in force.
        service: brain, recall, conversation or updates.
        read_timeout: Seconds to wait for each piece of an answer.
    """
    return Client(
        service,
        settings.text(f"{service}.url"),
        settings.secret(f"{service}.token"),
        read_timeout=read_timeout,
    )
