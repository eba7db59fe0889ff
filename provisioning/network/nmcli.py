"""Asking NetworkManager, and telling it, by its own program nmcli.

Owns: the program's words, and reading what it prints.
Does not know: when what is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.errors import UnavailableError
from provisioning.box.running import Run

_FIELD = re.compile(r"((?:[^:\\]|\\.)*)(?::|$)")
_MOST_NETWORKS = 40


@dataclass(frozen=True, kw_only=True)
class Device:
    """One of the box's ways into a network."""

    name: str
    kind: str  # ethernet or wifi
    state: str  # such as connected, connecting, disconnected, unavailable
    connection: str  # NetworkManager's name of what it is connected to


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A Wi-Fi that the box hears."""

    ssid: str
    signal: int  # percent
    closed: bool  # asks for a password


def devices(run: Run) -> list[Device]:
    """The box's cables and radios."""
    rows = _rows(run("nmcli", "-t", "-f", "DEVICE,TYPE,STATE,CONNECTION", "device", "status", seconds=20), 4)
    return [
        Device(name=name, kind=kind, state=state.partition(" ")[0], connection=connection)
        for name, kind, state, connection in rows
        if kind in ("ethernet", "wifi")
    ]


def heard(run: Run, *, anew: bool = False) -> list[Heard]:
    """The networks in reach, the strongest first.

    Args:
        run: Runs nmcli.
        anew: Listens for some seconds; otherwise what was heard last. A radio that is a hotspot itself may hear nothing.
    """
    command = ("nmcli", "-t", "-f", "SSID,SIGNAL,SECURITY", "device", "wifi", "list", "--rescan")
    rows = _rows(run(*command, "yes" if anew else "no", seconds=40), 3)
    best: dict[str, Heard] = {}
    for ssid, signal, security in rows:
        strength = int(signal) if signal.isdigit() else 0
        if ssid and (ssid not in best or best[ssid].signal < strength):
            best[ssid] = Heard(ssid=ssid, signal=strength, closed=security not in ("", "--"))
    return sorted(best.values(), key=lambda one: -one.signal)[:_MOST_NETWORKS]


def reload(run: Run) -> None:
    """Has NetworkManager read the files of its networks again."""
    run("nmcli", "connection", "reload", seconds=20)


def up(run: Run, name: str, *, seconds: int) -> None:
    """Connects to a network that has a file.

    Raises:
        UnavailableError: It did not work; the sentence is NetworkManager's.
    """
    run("nmcli", "--wait", str(seconds), "connection", "up", "id", name, seconds=seconds + 15)


def down(run: Run, name: str) -> None:
    """Leaves a network; one that is not up is no matter."""
    run("nmcli", "--wait", "15", "connection", "down", "id", name, seconds=30, fine=(0, 10))


def has_guests(run: Run, device: str) -> bool:
    """Whether somebody has joined the box's hotspot. Where nobody can say, somebody may have."""
    try:
        return "Station" in run("iw", "dev", device, "station", "dump", seconds=10)
    except UnavailableError:
        return True


def _rows(text: str, count: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        fields = [re.sub(r"\\(.)", r"\1", found) for found in _FIELD.findall(line)][:count]
        if len(fields) == count:
            yield fields
