"""The box's name in the home's network: `<name>.local` and a web service, by multicast DNS.

Owns: choosing a free name, announcing it with the box's addresses, and doing so again when they change.
Does not know: the portal's pages. Without a network it waits for one.

python-zeroconf probes the name of a service but not that of a host (RFC 6762 sections 8 and 9), so the host name is asked for
first; a name that somebody else answers for is left alone, and `-2` to `-9` are tried.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import ipaddress
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zeroconf import (  # type: ignore[attr-defined]  # AddressResolver is public, only not in its __all__
    AddressResolver,
    IPVersion,
    NonUniqueNameException,
    ServiceInfo,
    Zeroconf,
)
from zeroconf import Error as ZeroconfError

from agent import logs
from webui.place import own_addresses

_log = logging.getLogger(__name__)

SERVICE = "_http._tcp.local."
_PROBE_MS = 1500
_LOOK_EVERY_S = 10.0
_MOST_NUMBER = 9


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """What is announced."""

    name: str  # house.name
    port: int
    home: Path  # its own folder makes the box's id, which tells apart two boxes of one name


@contextlib.contextmanager
def announcing(what: Announcement, is_claimed: Callable[[], bool], *, wanted: bool = True) -> Iterator[None]:
    """Announces the box while the block runs.

    Args:
        what: What to announce.
        is_claimed: Tells whether the box has an owner yet.
        wanted: False does nothing, for networks where another announces.
    """
    if not wanted:
        yield
        return
    announcer = Announcer(what, is_claimed)
    thread = threading.Thread(target=announcer.run, name="announce", daemon=True)
    thread.start()
    try:
        yield
    finally:
        announcer.stop()
        thread.join(timeout=5)


class Announcer:
    """Keeps the announcement true."""

    def __init__(self, what: Announcement, is_claimed: Callable[[], bool]) -> None:
        self._what = what
        self._is_claimed = is_claimed
        self._leaving = threading.Event()
        self._zeroconf: Zeroconf | None = None
        self._announced: tuple[frozenset[str], bool] | None = None
        self.name = ""  # the name taken, without .local; empty while there is none

    def run(self) -> None:
        """Looks every ten seconds whether addresses or the claim changed, until stopped."""
        while not self._leaving.is_set():
            try:
                self.look()
            except (OSError, ZeroconfError) as failed:
                logs.event(_log, "name.not_announced", level=logging.WARNING, reason=failed)
                self._withdraw()
            self._leaving.wait(_LOOK_EVERY_S)
        self._withdraw()

    def stop(self) -> None:
        """Ends `run`, which says goodbye to the network."""
        self._leaving.set()

    def look(self) -> None:
        """Announces what has changed since the last look."""
        addresses = announced_addresses()
        state = (addresses, self._is_claimed())
        if state == self._announced:
            return
        self._withdraw()
        if addresses:
            self._announce(*state)
        self._announced = state

    def _announce(self, addresses: frozenset[str], claimed: bool) -> None:
        self._zeroconf = Zeroconf(interfaces=sorted(addresses), ip_version=IPVersion.V4Only)
        for name in self._candidates():
            if is_taken(self._zeroconf, name, addresses):
                continue
            try:
                self._zeroconf.register_service(self._service(name, addresses, claimed=claimed))
            except NonUniqueNameException:
                continue
            self.name = name
            logs.event(_log, "name.announced", host=f"{name}.local", addresses=",".join(sorted(addresses)))
            return
        logs.event(_log, "name.taken", level=logging.WARNING, host=self._what.name)

    def _candidates(self) -> list[str]:
        """The name it had, else the one it should have; then numbered ones, and no more: a name that grows for ever helps nobody."""
        plain = self._what.name
        names = [plain, *(f"{plain}-{number}" for number in range(2, _MOST_NUMBER + 1))]
        return sorted(names, key=lambda name: name != self.name)

    def _service(self, name: str, addresses: frozenset[str], *, claimed: bool) -> ServiceInfo:
        return ServiceInfo(
            SERVICE,
            f"{name}.{SERVICE}",
            port=self._what.port,
            server=f"{name}.local.",
            parsed_addresses=sorted(addresses),
            properties={
                "v": importlib.metadata.version("nisse"),
                "id": box_id(self._what.home),
                "path": "/",
                "claimed": "1" if claimed else "0",
            },
        )

    def _withdraw(self) -> None:
        zeroconf, self._zeroconf, self._announced = self._zeroconf, None, None
        if zeroconf is not None:
            with contextlib.suppress(OSError, ZeroconfError):
                zeroconf.close()


def announced_addresses() -> frozenset[str]:
    """The box's IPv4 addresses that others in the home can reach."""
    found = (ipaddress.ip_address(text) for text in own_addresses())
    return frozenset(str(one) for one in found if one.version == 4 and not one.is_loopback)


def is_taken(zeroconf: Zeroconf, name: str, own: frozenset[str]) -> bool:
    """Whether somebody else in the network answers for a host name. An answer with our own addresses is ourselves, from before.

    Args:
        zeroconf: The open connection to the network.
        name: Without `.local`.
        own: Our addresses.
    """
    asked = AddressResolver(f"{name}.local.")
    if not asked.request(zeroconf, _PROBE_MS):
        return False
    return not set(asked.parsed_addresses(IPVersion.V4Only)) <= own


def box_id(home: Path) -> str:
    """Eight hex digits that tell this box from another of the same name; they stay, and say nothing about it."""
    try:
        machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except OSError:
        machine = ""
    return hashlib.sha256(f"nisse {machine} {home}".encode()).hexdigest()[:8]
