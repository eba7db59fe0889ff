"""Mail providers that many people use: their servers, and what must be clicked there before a program is let in.

Owns: reading the table `providers.toml`, and finding a provider by an address or by a server.
Does not know: whether the table is still right; whoever saves an account tries it first. Needs no network.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("providers.toml")

PASSWORD_KINDS = ("usual", "app", "oauth2")
_HERE = ("127.0.0.1", "localhost")  # a bridge on the box, whose domain tells more
LOCAL, ADDRESS = "local", "address"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A server as the table names it."""

    host: str
    port: int
    security: str  # tls or starttls

    @classmethod
    def read(cls, text: str) -> Endpoint:
        """From `host:port security`."""
        place, _, security = text.partition(" ")
        host, _, port = place.rpartition(":")
        return cls(host=host, port=int(port), security=security)


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One line of the table."""

    name: str
    title: str
    imap: Endpoint
    smtp: Endpoint
    password: str  # one of PASSWORD_KINDS
    domains: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    exchanges: tuple[str, ...] = ()  # what the names of its servers end in that take mail (MX)
    user: str = ADDRESS  # what the login is: the whole address, or the part before the @
    url: str = ""  # where that is done what the steps say
    steps: tuple[str, ...] = ()
    token_url: str = ""
    device_url: str = ""
    scope: str = ""

    def login(self, address: str) -> str:
        """The user name at this provider of somebody with this address."""
        return address.rpartition("@")[0] if self.user == LOCAL else address


@cache
def everybody() -> tuple[Provider, ...]:
    """All providers, as the table has them."""
    rows = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(_read(name, row) for name, row in rows.items())


def _read(name: str, row: dict[str, Any]) -> Provider:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
    }
    servers: dict[str, Any] = {key: Endpoint.read(fields.pop(key)) for key in ("imap", "smtp")}
    return Provider(name=name, **servers, **fields)


def of_address(address: str) -> Provider | None:
    """The provider of an address, or None if its domain is in no line.

    Args:
        address: Such as nisse@gmail.com.
    """
    domain = address.strip().lower().rpartition("@")[2]
    return next((one for one in everybody() if domain and _covers(one, domain)), None)


def of_mail_server(exchange: str) -> Provider | None:
    """The provider who takes a domain's mail, by its MX server's name, or None.

    Args:
        exchange: Such as aspmx.l.google.com.
    """
    return next(
        (one for one in everybody() if any(f".{exchange}".endswith(f".{end}") for end in one.exchanges)), None
    )


def of_server(host: str) -> Provider | None:
    """The provider to whom a server belongs, or None.

    Args:
        host: Such as imap.gmail.com.
    """
    host = host.strip().lower()
    if not host or host in _HERE:
        return None
    mine = (one for one in everybody() if host in (one.imap.host, one.smtp.host, *one.hosts))
    return next(mine, None)


def _covers(provider: Provider, domain: str) -> bool:
    return domain in provider.domains or (
        provider.name == "microsoft365" and domain.endswith(".onmicrosoft.com")
    )
