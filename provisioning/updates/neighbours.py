"""Other boxes of the home that give models away, found by multicast DNS.

Owns: who answers to `_nisse-blobs._tcp` now, and the addresses at which they may be asked.
Does not know: what they have. They are not trusted: a file is believed for its hash alone, and a slow one is left (`pace`).
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable

from zeroconf import Error as ZeroconfError
from zeroconf import IPVersion, ServiceBrowser, ServiceStateChange, Zeroconf

from agent import logs
from provisioning.updates.mirrors import Mirror
from provisioning.updates.sharing import SERVICE, home_addresses, is_of_a_home

_log = logging.getLogger(__name__)

_MOST = 8  # boxes; a home has few, and a liar may announce thousands
_ASK_MS = 2000
_FIRST_S = 2.0


class Neighbours:
    """Looks for other boxes from the first question on; without a network there are none."""

    def __init__(
        self, own_name: str, *, wanted: bool = True, addresses: Callable[[], frozenset[str]] = home_addresses
    ) -> None:
        """Looks for nobody yet.

        Args:
            own_name: Under which this box announces itself, if it does.
            wanted: False finds nobody.
            addresses: This box's in the home, at this moment.
        """
        self._own, self._wanted, self._addresses = f"{own_name}.{SERVICE}", wanted, addresses
        self._found: dict[str, Mirror] = {}
        self._lock = threading.Lock()
        self._zeroconf: Zeroconf | None = None
        self._browser: ServiceBrowser | None = None
        self._asked_at: frozenset[str] = frozenset()

    def close(self) -> None:
        """Looks no more."""
        zeroconf, self._zeroconf, self._asked_at = self._zeroconf, None, frozenset()
        browser, self._browser = self._browser, None
        with contextlib.suppress(OSError, ZeroconfError):
            if browser:
                browser.cancel()  # waits for its thread, which asks by what is closed next
            if zeroconf:
                zeroconf.close()
        with self._lock:
            self._found.clear()

    def mirrors(self) -> tuple[Mirror, ...]:
        """Those that are there now. The first time it takes the seconds that they need to answer."""
        addresses = self._addresses()
        if self._wanted and addresses != self._asked_at:
            self.close()
            self._begin(addresses)
        with self._lock:
            return tuple(self._found.values())

    def _begin(self, addresses: frozenset[str]) -> None:
        if addresses:
            try:
                self._zeroconf = Zeroconf(interfaces=sorted(addresses), ip_version=IPVersion.V4Only)
                self._browser = ServiceBrowser(self._zeroconf, SERVICE, handlers=[self._changed])
            except (OSError, ZeroconfError) as failed:
                logs.event(_log, "neighbours.not_sought", level=logging.WARNING, reason=repr(failed))
                return
            time.sleep(_FIRST_S)
        self._asked_at = addresses

    def _changed(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        if name == self._own or zeroconf is not self._zeroconf:
            return
        if state_change is ServiceStateChange.Removed:
            with self._lock:
                self._found.pop(name, None)
            return
        try:
            info = zeroconf.get_service_info(service_type, name, timeout=_ASK_MS)
        except (OSError, ZeroconfError) as failed:
            logs.event(_log, "neighbour.not_asked", level=logging.WARNING, reason=repr(failed))
            return
        mirror = _mirror(info.parsed_addresses(IPVersion.V4Only), info.port) if info else None
        with self._lock:
            if zeroconf is not self._zeroconf:
                return  # it took so long that nobody is looked for here any more
            if mirror and (name in self._found or len(self._found) < _MOST):
                self._found[name] = mirror
                logs.event(_log, "neighbour.found", url=mirror.url)


def _mirror(addresses: list[str], port: int | None) -> Mirror | None:
    """Where a neighbour may be asked. Only addresses of a home: an announcement must not send us anywhere else, nor to ourselves."""
    for address in addresses:
        if port and is_of_a_home(address):
            return Mirror(url=f"http://{address}:{port}", neighbour=True)
    return None
