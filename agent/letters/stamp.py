"""The stamp that a receiving server puts on a mail: the field Authentication-Results of RFC 8601.

Owns: finding the one stamp that is the provider's own, and what it says.
Does not know: signatures, or what follows from a stamp.

Anybody can write such a field into a mail. The provider's is the topmost of its name, and stands where only the provider can write:
above the Received of its border, or right below it where the provider is known to put it there (Google does).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import authres

from agent.letters import hops, syntax
from agent.letters.alignment import is_registry, organisation
from agent.letters.headers import Mail

FIELD = "authentication-results"
EXCHANGE_ONLINE = "exchange-online"  # the setting's word for stamps without a name
NONE = "none"  # the setting's word for trusting no stamp at all
_BELOW = " below"  # behind a name in the setting: the stamp stands below the border's Received
_STANDS_BELOW = {"mx.google.com"}
_EXCHANGE_BORDER = ".mail.protection.outlook.com"
_EXCHANGE_HOSTS = ("outlook.com", "office365.com")
_QUOTED = "quoted-string"  # stands for one: its content says nothing
_LONGEST = 10_000  # characters
_MOST_CLAUSES = 50
_MOST_HOSTS = 10
_VERSION = "1"
_NAME = re.compile(r"\s*([^\s;=()\"]+)(?:\s+(\d+))?\s*")
_CLAUSE = re.compile(r"\s*([a-z0-9-]+)\s*(?:/\s*(\d+)\s*)?=", re.IGNORECASE)
_AUTHORS = {
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "dkim-signature",
}


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Whose stamp is trusted."""

    name: str = ""  # the authserv-id, lower-case, or `*.` and a domain for any server of it; empty: nobody's
    is_nameless: bool = False  # Exchange Online: its stamp bears no name
    stands_below: bool = False  # right below the Received of the provider's border, not above
    hosts: tuple[str, ...] = ()  # domains of further servers of the provider


NOBODY = Authority()


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a stamp says by one method."""

    method: str  # such as "dmarc"
    result: str  # such as "pass"
    properties: tuple[tuple[str, str], ...] = ()  # such as ("header.from", "example.org")

    def value(self, name: str) -> str:
        """A property; empty where there is none, or where there are two that differ."""
        found = {value for key, value in self.properties if key == name}
        return found.pop() if len(found) == 1 else ""


def authority(text: str) -> Authority:
    """Whose stamp is trusted, as the setting `mail.authserv_id` has it.

    Args:
        text: An authserv-id, with ` below` behind it where the stamp stands below the border's Received; `exchange-online`; or `none`.
    """
    name = " ".join(text.lower().split())
    if name in ("", NONE):
        return NOBODY
    if name == EXCHANGE_ONLINE:
        return Authority(is_nameless=True)
    plain = name.removesuffix(_BELOW)
    return Authority(name=plain, stands_below=plain != name or plain in _STANDS_BELOW)


def find(mail: Mail, trusted: Authority) -> tuple[Result, ...]:
    """What the provider's stamp says; nothing where there is none that can be trusted.

    Args:
        mail: The parsed mail.
        trusted: Whose stamp.
    """
    if trusted == NOBODY:
        return ()
    for value in _within_reach(mail, trusted):
        name, clauses = split(value)
        if _is_by(name, trusted):
            return results(clauses)  # the topmost one alone, whatever it says
        if trusted.is_nameless:
            return ()
    return ()


def split(value: str) -> tuple[str, list[str]]:
    """The authserv-id and what follows it, without comments and quoted strings.

    The name is empty where the stamp bears none, and None of it counts where it cannot be read or has another version.
    """
    plain = syntax.bare(value[:_LONGEST], quoted=_QUOTED) if len(value) <= _LONGEST else None
    if plain is None:
        named = _NAME.match(
            value
        )  # so that the provider's own is taken for the topmost, and nothing below it
        return (named[1].lower() if named else _QUOTED), []
    first, *others = plain.split(";")
    if _CLAUSE.match(first):
        return "", [first, *others]
    found = _NAME.fullmatch(first)
    if found is None or found[2] not in (None, _VERSION):
        return (found[1].lower() if found else _QUOTED), []
    return found[1].lower(), others


def results(clauses: list[str]) -> tuple[Result, ...]:
    """What the clauses say, each read by itself, so that one in a provider's own dialect does not hide the others."""
    return tuple(
        _result(clause) for clause in clauses[:_MOST_CLAUSES] if clause.strip() and clause.strip() != "none"
    )


def _result(clause: str) -> Result:
    method = _CLAUSE.match(clause)
    if method is None or method[2] not in (None, _VERSION):
        return Result(method=method[1].lower() if method else "", result="unreadable")
    try:
        (parsed,) = authres.AuthenticationResultsHeader.parse_value(f"x; {clause.strip()}").results
        properties = tuple(_properties(parsed))
        return Result(method=str(parsed.method), result=str(parsed.result).lower(), properties=properties)
    except Exception:  # noqa: BLE001 - authres raises several kinds on what is no clause
        return Result(method=method[1].lower(), result="unreadable")


def _properties(parsed: Any) -> Iterator[tuple[str, str]]:
    for one in parsed.properties:
        yield f"{one.type}.{one.name}", str(one.value or "").lower()


def _is_by(name: str, trusted: Authority) -> bool:
    if trusted.is_nameless or not name or name == _QUOTED:
        return trusted.is_nameless and not name
    if trusted.name.startswith("*."):
        return name.endswith(trusted.name[1:])
    return name == trusted.name


def _within_reach(mail: Mail, trusted: Authority) -> Iterator[str]:
    """The stamps that stand where only the provider can have put them, from the top."""
    is_behind = False
    for field, value in mail.raw_items():
        name = field.strip().lower()
        if name == FIELD:
            yield str(value)
        elif name == "received":
            if is_behind:
                return
            if not _is_inside(str(value), trusted):
                is_behind = True
                if not (trusted.stands_below and hops.is_of(hops.by(str(value)), _domains(trusted))):
                    return
        elif is_behind and name in _AUTHORS:
            return


def _is_inside(received: str, trusted: Authority) -> bool:
    if not trusted.is_nameless:
        return hops.is_inside(received, _domains(trusted))
    if not hops.has_origin(received):
        return True
    by = hops.by(received)
    is_own = hops.is_of(by, _EXCHANGE_HOSTS) and hops.is_from(received, _EXCHANGE_HOSTS)
    return is_own and not by.endswith(_EXCHANGE_BORDER)


def _domains(trusted: Authority) -> tuple[str, ...]:
    own = trusted.name.removeprefix("*.")
    return (organisation(own) or own, *trusted.hosts)


def learned(mail: Mail) -> Authority:
    """Whose stamp a mail bears that the house sent to itself, and where it stands; nobody's where it bears none.

    Args:
        mail: The parsed mail. The house put no stamp into it, so all that it bears are the provider's.
    """
    fields = [(name.strip().lower(), str(value)) for name, value in mail.raw_items()]
    places = [place for place, (name, _) in enumerate(fields) if name == FIELD]
    best = min(places, key=lambda place: _use(fields[place][1]), default=None)
    if best is None:
        return NOBODY
    name, _ = split(fields[best][1])
    above = [hops.by(value) for key, value in fields[:best] if key == "received"]
    below = [hops.by(value) for key, value in fields[best:] if key == "received"]
    if not name:
        return Authority(is_nameless=True)
    if name == _QUOTED:
        return NOBODY
    hosts = dict.fromkeys(organisation(host) or host for host in (*above, *below) if _is_name(host))
    return Authority(
        name=name,
        stands_below=name in _STANDS_BELOW or _is_below(name, above, below),
        hosts=tuple(hosts)[:_MOST_HOSTS],
    )


def _is_name(host: str) -> bool:
    return (
        host != "localhost"
        and re.fullmatch(r"[a-z0-9_.-]*[a-z][a-z0-9_.-]*", host) is not None
        and not is_registry(host)
    )


def _is_below(name: str, above: list[str], below: list[str]) -> bool:
    """Whether the server of this name put its stamp below its own Received: that is the one right above the stamp."""
    if not above or (below and below[0] == name):
        return False
    return above[-1] == name or not below


def _use(value: str) -> int:
    """Which of a mail's stamps says most; the smallest is the best."""
    methods = {one.method for one in results(split(value)[1])}
    return next((rank for rank, method in enumerate(("dmarc", "dkim", "spf")) if method in methods), 3)
