"""Asking the domain name system for TXT records: the keys of those who sign mail.

Owns: which name server is asked, how long, and what is kept of its answers.
Does not know: what the records say.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Sequence
from typing import TypeVar

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from agent.errors import SettingsError
from agent.letters.records import NoAnswerError

_LIFETIME_S = 8.0  # for one question, over all tries
_FRESH_S = (60.0, 3600.0)  # how long an answer is kept, at least and at most
_NOTHING_S = 300.0  # how long it is kept that a name has no record
_AWAY_S = 20.0  # how long nobody is asked again after nobody answered: one mail may need several records
_MOST_KEPT = 500
_MOST_RECORDS = 20
_PORT = 53
Kept = TypeVar("Kept")


class Resolver:
    """A lookup by DNS (see `records.Lookup`). Safe to use from several threads."""

    def __init__(self, server: str = "") -> None:
        """Chooses the name server; nothing is asked yet.

        Args:
            server: Its address, with a port or without; empty: as the system has it.

        Raises:
            SettingsError: That is no address.
        """
        self._server = _place(server) if server.strip() else None
        self._asking: dns.resolver.Resolver | None = None
        self._kept: dict[str, tuple[float, Sequence[str]]] = {}
        self._away: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str, /) -> Sequence[str]:
        """The name's records (see `Lookup`)."""
        now = time.monotonic()
        with self._lock:
            until, texts = self._kept.get(name, (0.0, ()))
            if until > now:
                return texts
            if self._away.get(name, 0.0) > now:
                raise NoAnswerError(f"No name server answers for {name}.")
        try:
            texts, seconds = self._ask(name)
        except NoAnswerError:
            self._keep(self._away, name, now + _AWAY_S)
            raise
        self._keep(self._kept, name, (now + seconds, texts))
        return texts

    def _keep(self, where: dict[str, Kept], name: str, value: Kept) -> None:
        with self._lock:
            while len(where) >= _MOST_KEPT:
                del where[next(iter(where))]
            where[name] = value

    def _ask(self, name: str) -> tuple[Sequence[str], float]:
        try:
            answer = self._resolver().resolve(f"{name}.", dns.rdatatype.TXT, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.resolver.YXDOMAIN):
            return (), _NOTHING_S
        except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, dns.name.BadEscape):
            return (), _NOTHING_S
        except (dns.exception.DNSException, OSError) as away:
            raise NoAnswerError(f"No name server answers for {name}: {type(away).__name__}.") from away
        texts = [
            b"".join(record.strings).decode("utf-8", "replace") for record in list(answer)[:_MOST_RECORDS]
        ]
        shortest, longest = _FRESH_S
        return texts, min(longest, max(shortest, float(answer.rrset.ttl if answer.rrset else 0)))

    def _resolver(self) -> dns.resolver.Resolver:
        """Made at every try until it works: on a box that just started, the system may not know a name server yet."""
        if self._asking is None:
            made = dns.resolver.Resolver(configure=self._server is None)
            if self._server:
                made.nameservers, made.port = [self._server[0]], self._server[1]
            made.lifetime = _LIFETIME_S
            self._asking = made
        return self._asking


def _place(server: str) -> tuple[str, int]:
    host, _, port = server.strip().rpartition(":")
    if not host or (":" in host and not host.startswith("[")):
        host, port = server.strip(), str(_PORT)
    host = host.strip("[]")
    try:
        ipaddress.ip_address(host)
        if 0 < int(port) < 65536:
            return host, int(port)
    except ValueError:
        pass
    raise SettingsError(
        "mail.nameserver is no address.", hint="It looks like 192.168.0.1, or 127.0.0.1:5353."
    )
