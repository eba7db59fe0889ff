"""Trying a Wi-Fi, and going back where it does not work.

Owns: the order - keep the new network, try it, and on failure forget it and restore what was - and the word on how it went.
Does not know: who asked, nor when a hotspot is wanted otherwise (`watching`).

Whoever set it by the hotspot is cut off while the radio changes over. So the word on a failure is kept, and is there when the hotspot is.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator

from agent import durable
from agent.errors import NisseError, UnavailableError
from provisioning.box.places import Places
from provisioning.box.running import Run
from provisioning.network import nmcli, profiles

_TRY_S = 40
_RESULT = "wifi-result.json"
_LOCK = "joining.lock"


def join(places: Places, run: Run, ssid: str, password: str, *, hidden: bool = False) -> bool:
    """Tries a network and keeps it if it works; whether it does.

    Args:
        places: Where the box's things lie.
        run: Runs nmcli.
        ssid: The network's name.
        password: Empty for an open one.
        hidden: Whether it keeps its name to itself.
    """
    with changing(places):
        _note(places, ssid, "trying", "")
        before = _connected(run)
        name, content = profiles.known(ssid.encode(), password, hidden=hidden)
        file = places.connections / f"{name}.nmconnection"
        former = file.read_text(encoding="utf-8") if file.exists() else None
        profiles.save(places.connections, name, content)
        try:
            nmcli.reload(run)
            nmcli.up(run, name, seconds=_TRY_S)
        except UnavailableError as failed:
            _go_back(places, run, name, former, before)
            _note(places, ssid, "failed", _why(str(failed)))
            return False
        _note(places, ssid, "works", "")
        return True


def last(places: Places) -> dict[str, str]:
    """How the last try went: ssid, state and why; nothing if none was made since the start."""
    try:
        content = json.loads((places.run / _RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextlib.contextmanager
def changing(places: Places) -> Iterator[None]:
    """While the block runs, nobody else changes over the radio."""
    with _locked(places, fcntl.LOCK_EX):
        yield


def is_changing(places: Places) -> bool:
    """Whether somebody changes over the radio at this moment."""
    try:
        with _locked(places, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return False
    except BlockingIOError:
        return True


def _go_back(places: Places, run: Run, name: str, former: str | None, before: str) -> None:
    if former is None:
        profiles.forget(places.connections, name)
    else:
        profiles.save(places.connections, name, former)
    with contextlib.suppress(NisseError):
        nmcli.reload(run)
        if before and (before != name or former is not None):
            nmcli.up(run, before, seconds=_TRY_S)


def _connected(run: Run) -> str:
    radios = [
        device
        for device in nmcli.devices(run)
        if device.kind == "wifi" and device.connection not in ("", "--")
    ]
    return radios[0].connection if radios else ""


def _why(said: str) -> str:
    """NetworkManager's words as people's."""
    if "ecrets" in said or "802-11-wireless-security" in said:
        return "The password is not right."
    if "not be found" in said or "not found" in said:
        return "The network was not heard. Is the name right, and the router near enough?"
    if "imeout" in said or "did not run" in said:
        return "The network did not answer in time."
    return "The network did not let the box in."


def _note(places: Places, ssid: str, state: str, why: str) -> None:
    durable.write(places.run / _RESULT, json.dumps({"ssid": ssid, "state": state, "why": why}))


@contextlib.contextmanager
def _locked(places: Places, kind: int) -> Iterator[None]:
    places.run.mkdir(parents=True, exist_ok=True, mode=0o755)
    descriptor = os.open(places.run / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)
