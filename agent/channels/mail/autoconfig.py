"""Server names from the provider itself, by Mozilla's convention: a small XML file at an agreed address.

Owns: which addresses are asked, what is read from such a file, and what of it is not trusted.
Does not know: who allowed it to ask. Only the domain is told to anybody, never the part before the @.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import defusedxml.ElementTree
import dns.exception
import dns.resolver
import httpx
from defusedxml.common import DefusedXmlException

from agent.channels.mail.providers import Endpoint
from agent.errors import NotFoundError

_TIMEOUT_S = 8.0
_LARGEST = 100_000  # bytes of such a file
_MOST_REDIRECTS = 3
_DIRECTORY = "autoconfig.thunderbird.net"  # Mozilla's, for providers that have no file of their own
_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_SECURITY = {"SSL": "tls", "STARTTLS": "starttls"}  # "plain" is refused
_TOKEN = "OAuth2"  # noqa: S105 - the convention's word

Fetch = Callable[[str], bytes | None]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What such a file says."""

    imap: Endpoint
    smtp: Endpoint
    user: str  # the login for this address
    login: str  # "password" or "oauth2"
    title: str
    asked: str  # the server whose word it is


def domain_of(address: str) -> str:
    """The address's domain as DNS has it.

    Raises:
        NotFoundError: It is none.
    """
    domain = address.strip().rpartition("@")[2].lower()
    try:
        domain = domain.encode("idna").decode("ascii") if not domain.isascii() else domain
    except UnicodeError:
        domain = ""
    if not _DOMAIN.fullmatch(domain):
        raise NotFoundError("That is no mail address.", hint="It looks like nisse@example.org.")
    return domain


def places(domain: str, mail_server: str = "") -> list[str]:
    """The addresses at which such a file may lie, in the order in which they are asked.

    Args:
        domain: The address's domain.
        mail_server: The server that takes the domain's mail, if that is known.
    """
    found = [
        f"https://autoconfig.{domain}/mail/config-v1.1.xml",
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
        f"https://{_DIRECTORY}/v1.1/{domain}",
    ]
    behind = ".".join(mail_server.split(".")[-2:])
    if behind and behind != domain and _DOMAIN.fullmatch(behind):
        found.append(f"https://{_DIRECTORY}/v1.1/{behind}")
    return found


def look_up(address: str, fetch: Fetch, mail_server: str = "") -> Found:
    """Asks one place after the other.

    Args:
        address: The mail address.
        fetch: Gets what lies at an address, or None.
        mail_server: The server that takes the domain's mail, if that is known.

    Raises:
        NotFoundError: None of them has a file that can be used.
    """
    domain = domain_of(address)
    for place in places(domain, mail_server):
        content = fetch(place)
        found = read(content, address, asked=place.split("/")[2]) if content else None
        if found:
            return found
    raise NotFoundError(
        f"Nobody knows the servers of {domain}.", hint="Look on the provider's help pages for IMAP and SMTP."
    )


def read(content: bytes, address: str, *, asked: str) -> Found | None:
    """What the file says, or None if it cannot be used: no XML, unencrypted servers only, or names that are none.

    Args:
        content: The file.
        address: The mail address, for the login.
        asked: Where it was got.
    """
    try:
        root: Element = defusedxml.ElementTree.fromstring(content[:_LARGEST])
    except (defusedxml.ElementTree.ParseError, DefusedXmlException, ValueError, RecursionError):
        return None
    provider = root.find("emailProvider")
    if provider is None:
        return None
    imap = _first(provider.findall("incomingServer[@type='imap']"))
    smtp = _first(provider.findall("outgoingServer[@type='smtp']"))
    if imap is None or smtp is None:
        return None
    methods = [(one.text or "").strip() for one in imap[1].findall("authentication")]
    return Found(
        imap=imap[0],
        smtp=smtp[0],
        user=_filled(imap[1].findtext("username") or "%EMAILADDRESS%", address),
        login="oauth2" if methods and set(methods) == {_TOKEN} else "password",
        title=" ".join((provider.findtext("displayName") or asked).split())[:100],
        asked=asked,
    )


def fetch(url: str) -> bytes | None:
    """Gets a file over encrypted connections alone; None if there is none."""
    try:
        with httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False) as client:
            for _ in range(_MOST_REDIRECTS):
                if not url.startswith("https://"):
                    return None
                with client.stream("GET", url) as answer:
                    if answer.has_redirect_location:
                        url = str(answer.url.join(answer.headers["Location"]))
                        continue
                    return _beginning(answer) if answer.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    return None


def mail_server(domain: str) -> str:
    """The server that takes the domain's mail, by the DNS; empty if it cannot be had."""
    try:
        answer = dns.resolver.resolve(domain, "MX", lifetime=_TIMEOUT_S)
        first = min(answer, key=lambda record: record.preference)
    except (dns.exception.DNSException, OSError, ValueError):
        return ""
    return str(first.exchange).rstrip(".").lower()


def _beginning(answer: httpx.Response) -> bytes:
    content = b""
    for piece in answer.iter_bytes():
        content += piece
        if len(content) > _LARGEST:
            break
    return content[:_LARGEST]


def _first(servers: list[Element]) -> tuple[Endpoint, Element] | None:
    for server in servers:
        host = (server.findtext("hostname") or "").strip().lower()
        port, kind = (server.findtext("port") or "").strip(), (server.findtext("socketType") or "").strip()
        is_usable = _HOST.fullmatch(host) and port.isdecimal() and 0 < int(port[:6]) < 65536
        if is_usable and kind in _SECURITY:
            return Endpoint(host=host, port=int(port), security=_SECURITY[kind]), server
    return None


def _filled(user: str, address: str) -> str:
    local, _, domain = address.strip().rpartition("@")
    names = {"%EMAILADDRESS%": address.strip(), "%EMAILLOCALPART%": local, "%EMAILDOMAIN%": domain}
    for name, value in names.items():
        user = user.replace(name, value)
    return user.strip()[:300]
