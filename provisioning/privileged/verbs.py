"""What can be asked of root: one function a verb, each with its checks.

Owns: the table of verbs, and which user may ask which.
Does not know: sockets, nor how it is known who asks (`listening`).
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent import durable, logs
from agent.errors import ConflictError, ForbiddenError, NisseError, RequestError, UnavailableError
from provisioning.box.places import PORTAL, ROOT, UPDATES, Places
from provisioning.box.running import Run
from provisioning.firstboot import identity, presets
from provisioning.network import joining, nmcli, profiles
from provisioning.programs.asking import Programs
from provisioning.system.asking import System

_log = logging.getLogger(__name__)

Answer = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Box:
    """What a verb works with."""

    places: Places
    run: Run
    background: Callable[[Callable[[], None]], None]  # for what lasts longer than an answer

    @functools.cached_property
    def programs(self) -> Programs:
        """The versions of Nisse beside the system's own."""
        return Programs(self.places, self.run, self.background)

    @functools.cached_property
    def system(self) -> System:
        """The system in the two slots."""
        return System(self.places, self.run, self.background)


Verb = Callable[[Box, Mapping[str, Any]], Answer]


def _reboot(box: Box, _asked: Mapping[str, Any]) -> Answer:
    box.run("systemctl", "--no-block", "reboot")
    return {}


def _power_off(box: Box, _asked: Mapping[str, Any]) -> Answer:
    box.run("systemctl", "--no-block", "poweroff")
    return {}


def _hostname(box: Box, asked: Mapping[str, Any]) -> Answer:
    """Only the system's name; the house's is a setting, which the portal saves itself."""
    name = asked.get("name")
    if not isinstance(name, str) or not identity.is_name(name):
        raise RequestError(
            "A box cannot be called so.",
            hint="Take small letters, digits and hyphens, such as nisse.",
            param="name",
        )
    identity.keep_name(box.places, name)
    box.run("hostname", name)
    box.run("systemctl", "--no-block", "restart", "nisse-console.service")
    return {"name": name}


def _network_status(box: Box, _asked: Mapping[str, Any]) -> Answer:
    try:
        devices = nmcli.devices(box.run)
    except UnavailableError:
        devices = []
    connected = [device for device in devices if device.state == "connected"]
    return {
        "cable": any(device.kind == "ethernet" for device in connected),
        "radio": any(device.kind == "wifi" for device in devices),
        "hotspot": any(device.connection == profiles.HOTSPOT for device in connected),
        "wifi": any(device.kind == "wifi" and device.connection != profiles.HOTSPOT for device in connected),
        "last": joining.last(box.places),
    }


def _wifi_list(box: Box, asked: Mapping[str, Any]) -> Answer:
    found = nmcli.heard(box.run, anew=asked.get("anew") is True)
    return {"networks": [{"ssid": one.ssid, "signal": one.signal, "closed": one.closed} for one in found]}


def _wifi_set(box: Box, asked: Mapping[str, Any]) -> Answer:
    """Begins to try a network; how it went is told by network-status, when whoever asked can reach the box again."""
    checked = presets.Presets()
    for key in ("ssid", "password", "hidden"):
        if asked.get(key) not in (None, ""):
            presets.take_checked(checked, f"wifi.{key}", asked[key])
    wrong = next((line for line in checked.lines if not line.taken), None)
    if wrong:
        raise RequestError(wrong.why, param=wrong.key)
    if "wifi.ssid" not in checked.values:
        raise RequestError("The network's name is missing.", hint="Choose one of the list.", param="ssid")
    if joining.is_changing(box.places):
        raise ConflictError("A network is being tried at this moment.", hint="Wait a minute.")
    ssid, password = str(checked.values["wifi.ssid"]), str(checked.values.get("wifi.password", ""))
    hidden = bool(checked.values.get("wifi.hidden"))
    box.background(lambda: _join(box, ssid, password, hidden=hidden))
    return {"state": "trying"}


def _join(box: Box, ssid: str, password: str, *, hidden: bool) -> None:
    works = joining.join(box.places, box.run, ssid, password, hidden=hidden)
    logs.event(_log, "wifi.tried", works=works)
    if not works:
        box.run("systemctl", "--no-block", "start", "nisse-network.service")


def _wifi_forget(box: Box, _asked: Mapping[str, Any]) -> Answer:
    """Forgets every Wi-Fi of the home."""
    files = list(box.places.connections.glob("wifi-*.nmconnection"))
    for file in files:
        durable.shred(file)
    nmcli.reload(box.run)
    box.run("systemctl", "--no-block", "start", "nisse-network.service")
    return {"forgotten": len(files)}


def _wipe(box: Box, asked: Mapping[str, Any]) -> Answer:
    """Asks for the factory reset at the next start, and starts again."""
    if asked.get("sure") != "erase everything":
        raise RequestError("Nobody said that everything may be erased.", param="sure")
    durable.write(box.places.esp / "RESET", "asked for at the portal\n")
    box.run("systemctl", "--no-block", "reboot")
    return {}


def _system_status(box: Box, asked: Mapping[str, Any]) -> Answer:
    return box.system.status(asked)


def _system_install(box: Box, asked: Mapping[str, Any]) -> Answer:
    return box.system.install(asked)


def _program_install(box: Box, asked: Mapping[str, Any]) -> Answer:
    return box.programs.install(asked)


def _program_back(box: Box, asked: Mapping[str, Any]) -> Answer:
    return box.programs.back(asked)


def _program_status(box: Box, asked: Mapping[str, Any]) -> Answer:
    return box.programs.status(asked)


VERBS: dict[str, Verb] = {
    "reboot": _reboot,
    "poweroff": _power_off,
    "hostname": _hostname,
    "network-status": _network_status,
    "wifi-list": _wifi_list,
    "wifi-set": _wifi_set,
    "wifi-forget": _wifi_forget,
    "wipe": _wipe,
    "system-status": _system_status,
    "system-install": _system_install,
    "program-install": _program_install,
    "program-back": _program_back,
    "program-status": _program_status,
}
_OF_UPDATES = frozenset({"program-install", "program-back", "program-status"})
PERMITTED: dict[str, frozenset[str]] = {
    ROOT: frozenset(VERBS),
    PORTAL: frozenset(VERBS) - _OF_UPDATES,  # its page asks updates, which asks here
    UPDATES: _OF_UPDATES,
}


def answer(box: Box, asked: Any, user: str) -> Answer:
    """Does what is asked for, and says how it went; never raises.

    Args:
        box: What the verbs work with.
        asked: The decoded request.
        user: Who asks.
    """
    verb = asked.get("verb") if isinstance(asked, dict) else None
    if not isinstance(verb, str) or verb not in VERBS:
        return RequestError("Nobody here knows this verb.", param="verb").to_json()
    if verb not in PERMITTED.get(user, frozenset()):
        logs.event(_log, "verb.forbidden", level=logging.WARNING, verb=verb, user=user)
        return ForbiddenError("This is not for you to ask.", param="verb").to_json()
    try:
        done = VERBS[verb](box, asked)
    except NisseError as refused:
        logs.event(_log, "verb.refused", level=logging.WARNING, verb=verb, why=refused)
        return refused.to_json()
    except OSError as failed:
        logs.event(_log, "verb.failed", level=logging.ERROR, verb=verb, why=failed)
        return UnavailableError(f"The box could not do it: {failed.strerror}.").to_json()
    if not verb.endswith("-status"):  # an open page asks every few seconds
        logs.event(_log, "verb.done", verb=verb)
    return {"ok": True, **done}


class Background:
    """What goes on after the answer; the process does not end before it."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []

    def __call__(self, work: Callable[[], None]) -> None:
        """Begins some work."""
        thread = threading.Thread(target=_guarded, args=(work,), name="background")
        self._threads = [one for one in self._threads if one.is_alive()]
        self._threads.append(thread)
        thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether something goes on."""
        return any(thread.is_alive() for thread in self._threads)


def _guarded(work: Callable[[], None]) -> None:
    try:
        work()
    except (NisseError, OSError) as failed:
        logs.event(_log, "background.failed", level=logging.ERROR, why=failed)
