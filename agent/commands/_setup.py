"""What `nisse mail explain` assumes about the house: from a file, else from the settings.

Owns: the keys of that file, and what stands in for those that it leaves out.
Does not know: mails.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from agent import registry
from agent.commands import _records_file
from agent.errors import NisseError, RequestError
from agent.letters import composing, deciding, stamp
from agent.letters.records import Lookup
from agent.letters.stamp import Authority
from agent.message import Person
from agent.settings import Settings
from agent.wire.call import client

KEYS = (
    "box_address", "authserv_id", "persons", "owner", "own_header", "instance_tag", "plus_addressing", "timezone", "now", "dns",
)  # fmt: skip
_LARGEST = 5_000_000  # bytes
_MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The house as it is assumed to be."""

    box: tuple[str, ...] = ()  # its addresses, the first is the one that answers
    name: str = "nisse"
    persons: tuple[Person, ...] = ()
    authority: Authority = stamp.NOBODY
    own_header: str = deciding.LOOP_FIELD
    tag: str = ""
    plus_addressing: bool = True
    zone: tzinfo | None = None  # None: the machine's own
    now: float = 0.0  # seconds since 1970; 0: as the mail says
    records: Lookup | None = field(default=None, repr=False)
    largest: int = 25 * _MEGABYTE  # bytes of a mail that are read

    @property
    def address(self) -> str:
        """The address that answers."""
        return self.box[0] if self.box else ""


def load(settings: Settings, path: Path | None) -> Setup:
    """The setup of a file, or that of this house.

    Args:
        settings: The values in force, for what the file leaves out.
        path: The file; None: all is as the settings have it.

    Raises:
        RequestError: The file cannot be read, has keys that nobody knows, or a value of the wrong kind.
    """
    given = _read(path) if path else {}
    box = (
        (_text(given, "box_address").strip().lower(),) if "box_address" in given else _own_addresses(settings)
    )
    zone = _zone(given)
    plus_addressing = given.get("plus_addressing")
    if plus_addressing is None:
        plus_addressing = settings.flag("house.plus_addressing")
    if not isinstance(plus_addressing, bool):
        raise _wrong("plus_addressing", "true or false")
    return Setup(
        box=tuple(address for address in box if address),
        name=settings.text("house.name"),
        persons=_persons(given, settings),
        authority=_authority(given, settings, path),
        own_header=_text(given, "own_header").strip(": ") or deciding.LOOP_FIELD,
        tag=_text(given, "instance_tag").strip() or (composing.tag(box[0]) if box and box[0] else ""),
        plus_addressing=plus_addressing,
        zone=zone,
        now=_now(given, zone),
        records=_records(given, settings, path),
        largest=settings.number("conversation.max_message") * _MEGABYTE,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_LARGEST).decode("utf-8-sig"))
    except OSError as failed:
        raise RequestError(f"{path} cannot be read: {failed.strerror}.", param="setup") from failed
    except ValueError as wrong:
        raise RequestError(f"{path} is no JSON: {wrong}.", param="setup") from wrong
    if not isinstance(content, dict):
        raise RequestError(f"{path} must hold one JSON object.", param="setup")
    unknown = sorted(set(content) - set(KEYS))
    if unknown:
        raise RequestError(
            f"{path}: nobody knows the key {', '.join(map(repr, unknown))}.",
            hint=f"There are: {', '.join(KEYS)}.",
        )
    return {key: value for key, value in content.items() if value is not None}


def _authority(given: Mapping[str, Any], settings: Settings, path: Path | None) -> Authority:
    named = _text(given, "authserv_id") if "authserv_id" in given else settings.text("mail.authserv_id")
    return stamp.authority(named) if named.strip() or path else _learned(settings)


def _learned(settings: Settings) -> Authority:
    """Whose stamps the mail channel trusts by what it learned; its database is only read, it may be at work."""
    accounts = registry.load("agent.channels.mail", "account").accounts(settings)
    try:
        database = sqlite3.connect(f"file:{settings.home / 'mail.db'}?mode=ro", uri=True)
        with contextlib.closing(database):
            keys = [account.key for account in accounts[:1]]
            row = (
                database.execute("SELECT learned FROM authorities WHERE account = ?", keys).fetchone()
                if keys
                else None
            )
        learned = json.loads(row[0]) if row and row[0] else {}
    except (sqlite3.Error, ValueError):
        return stamp.NOBODY
    return Authority(**{**learned, "hosts": tuple(learned.get("hosts", ()))})


def _own_addresses(settings: Settings) -> tuple[str, ...]:
    words = f"{settings.text('mail.address')} {settings.text('mail.aliases')}".replace(",", " ").split()
    return tuple(word.lower() for word in words)


def _persons(given: Mapping[str, Any], settings: Settings) -> tuple[Person, ...]:
    owner = _text(given, "owner").strip()
    if "persons" not in given:
        found = _household(settings)
    elif isinstance(given["persons"], list):
        found = [_person(item) for item in given["persons"]]
    else:
        raise _wrong("persons", "a list of objects with name, address and role")
    if not owner:
        return tuple(found)
    is_owner = [owner.lower() in (_address(person).lower(), person.name.lower()) for person in found]
    named = [
        Person(
            id=person.id, name=person.name, role="owner" if owns else person.role, addresses=person.addresses
        )
        for person, owns in zip(found, is_owner, strict=True)
    ]
    if not any(is_owner) and "@" in owner:
        named.append(Person(id=owner, name=owner, role="owner", addresses=(("mail", owner),)))
    return tuple(named)


def _person(item: Any) -> Person:
    if isinstance(item, dict) and set(item) <= {"name", "address", "role", "addresses"}:
        addresses = item.get("addresses", []) if "address" not in item else [item["address"]]
        name, role = item.get("name", ""), item.get("role", "member")
    elif isinstance(item, list) and 2 <= len(item) <= 3:
        name, addresses, role = item[0], [item[1]], item[2] if len(item) == 3 else "member"
    else:
        raise _wrong("persons", "a list of objects with name, address and role")
    if not addresses or not all(isinstance(word, str) for word in (name, role, *addresses)):
        raise _wrong("persons", "a list of objects with name, address and role, each of them text")
    return Person(
        id=addresses[0], name=name, role=role, addresses=tuple(("mail", address) for address in addresses)
    )


def _household(settings: Settings) -> list[Person]:
    """Who the running house knows; nobody, if it does not run."""
    try:
        return [
            Person.from_json(item)
            for item in client(settings, "conversation").get("/people", timeout=3)["people"]
        ]
    except NisseError:
        return []


def _address(person: Person) -> str:
    return next((address for kind, address in person.addresses if kind == "mail"), "")


def _zone(given: Mapping[str, Any]) -> tzinfo | None:
    name = _text(given, "timezone").strip()
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as unknown:
        raise RequestError(
            f"There is no time zone {name!r}.", hint="It looks like Europe/Berlin.", param="timezone"
        ) from unknown


def _now(given: Mapping[str, Any], zone: tzinfo | None) -> float:
    value = given.get("now", 0.0)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(value.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
        except (ValueError, OverflowError, OSError) as wrong:
            raise _wrong("now", "a moment as 2026-11-21T08:15:00+01:00, or seconds since 1970") from wrong
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise _wrong("now", "a moment as 2026-11-21T08:15:00+01:00, or seconds since 1970")
    return float(value)


def _records(given: Mapping[str, Any], settings: Settings, path: Path | None) -> Lookup | None:
    """The records of the file that the setup names; without a setup the name servers are asked, as the mail channel does."""
    if path is None:
        resolver = registry.load("agent.channels.mail", "resolver")
        lookup: Lookup = resolver.Resolver(settings.text("mail.nameserver"))
        return lookup
    named = _text(given, "dns").strip()
    return _records_file.read(path.parent / Path(named).expanduser()) if named else None


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key, "")
    if not isinstance(value, str):
        raise _wrong(key, "text")
    return value


def _wrong(key: str, wanted: str) -> RequestError:
    return RequestError(f"{key!r} in the setup must be {wanted}.", param=key)


def moment(setup: Setup, seconds: float) -> str:
    """A moment in words, in the setup's time zone."""
    if seconds <= 0:
        return "nobody vouches for it"
    return datetime.fromtimestamp(seconds, setup.zone).astimezone(setup.zone).strftime("%d %B %Y, %H:%M %Z")


def arrival(setup: Setup, received: float) -> float:
    """When a mail is taken to have arrived: now, as the setup says it, else as the mail's topmost server says it."""
    return setup.now or received or time.time()
