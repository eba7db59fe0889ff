"""Is the house well? Asked from outside, as its people would ask.

Owns: the questions - does the portal answer, are the databases sound, does the brain answer - and what was found.
Does not know: slots, nor what follows from the answers.
"""

from __future__ import annotations

import contextlib
import ipaddress
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import sqlite_vec

from agent.errors import NisseError
from agent.settings import Settings
from agent.wire.call import client

_PORTAL_S = 10.0
_BRAIN_S = 300.0  # the first answer of a small box under load
_QUESTION = "Say yes."
_ONE_WORD = 2  # tokens


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one question came to."""

    about: str
    is_well: bool
    words: str  # for the log


def portal(settings: Settings) -> Finding:
    """Whether the portal answers at the box's address in the home's network; without a network, on the box itself."""
    port = int(settings.text("portal.listen").rpartition(":")[2])
    address = _lan_address() or "127.0.0.1"
    try:
        answer = httpx.get(f"http://{address}:{port}/healthz", timeout=_PORTAL_S, trust_env=False)
        is_well = answer.status_code == 200 and answer.json().get("ready") is True
    except (httpx.HTTPError, ValueError) as failed:
        return Finding(about="portal", is_well=False, words=f"{address}: {failed or type(failed).__name__}")
    return Finding(about="portal", is_well=is_well, words=f"{address} answers {answer.status_code}")


def databases(home: Path) -> Finding:
    """Whether SQLite finds every database of the house sound."""
    files = sorted(home.glob("*.db"))
    for file in files:
        try:
            with _opened(file) as database:
                verdict = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
        except sqlite3.Error as failed:
            verdict = str(failed)
        if verdict != "ok":
            return Finding(about="databases", is_well=False, words=f"{file.name}: {verdict}")
    return Finding(about="databases", is_well=True, words=f"{len(files)} are sound")


def brain(settings: Settings) -> Finding:
    """Whether the brain answers, or says that there is no model for it to answer with."""
    asked = client(settings, "brain", read_timeout=_BRAIN_S)
    try:
        facts = asked.get("/info")
        if not facts.get("ready"):
            return Finding(about="brain", is_well=_has_none(facts), words=str(facts.get("state", "")))
        question = {"messages": [{"role": "user", "content": _QUESTION}], "max_tokens": _ONE_WORD}
        answer = asked.post("/v1/chat/completions", question)
        is_well = bool(answer["choices"])
    except (NisseError, KeyError, TypeError, ValueError) as failed:
        return Finding(about="brain", is_well=False, words=str(failed))
    finally:
        asked.close()
    return Finding(about="brain", is_well=is_well, words=f"{facts.get('model')} answers")


def _has_none(facts: dict[str, object]) -> bool:
    wanted = facts.get("wanted")
    is_there = isinstance(wanted, dict) and wanted.get("installed")
    return not facts.get("loading") and not is_there


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
    try:
        connection.enable_load_extension(True)
        sqlite_vec.load(connection)  # its tables are checked by it
        yield connection
    finally:
        connection.close()


def _lan_address() -> str:
    """The box's first address in the home's network, IPv4 before IPv6; empty where there is none."""
    found = []
    for addresses in psutil.net_if_addrs().values():
        for each in addresses:
            with contextlib.suppress(ValueError):
                address = ipaddress.ip_address(each.address)
                if not address.is_loopback and not address.is_link_local:
                    found.append(address)
    found.sort(key=lambda address: (address.version, int(address)))
    return "" if not found else f"[{found[0]}]" if found[0].version == 6 else str(found[0])
