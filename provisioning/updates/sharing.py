"""Gives models that came signed to other boxes in the home, if the owner allows it: a file for its hash, and nothing else.

Owns: the one route, who may ask, and announcing the place as `_nisse-blobs._tcp`.
Does not know: who looks for it (`neighbours`). Nothing is uploaded here, nothing listed, and no file that the owner brought is given.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import psutil
import waitress
from flask import Flask, abort, request, send_file
from flask.typing import ResponseReturnValue
from waitress import wasyncore
from zeroconf import Error as ZeroconfError
from zeroconf import IPVersion, ServiceInfo, Zeroconf

from agent import logs
from agent.errors import SettingsError
from agent.models.blobs import Blobs
from agent.models.sets import Sets

_log = logging.getLogger(__name__)

SERVICE = "_nisse-blobs._tcp.local."
_LOOK_EVERY_S = 15.0
_THREADS = 2  # at once; more would take the card from whoever waits for an answer
_CONNECTIONS = 16
_UNSENT = 1 << 19  # bytes that may wait for one neighbour
# The networks of a home; Python's `is_private` has more, such as those of examples in books.
_HOME = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
_OURSELVES = ("127.0.0.1", "::1")
_BLOB = re.compile(r"[0-9a-f]{64}")


def create_app(blobs: Blobs, sets: Sets) -> Flask:
    """The application: `GET /blobs/<sha256>`, with ranges."""
    app = Flask("sharing", static_folder=None)

    @app.get("/blobs/<sha256>")
    def blob(sha256: str) -> ResponseReturnValue:
        asker = request.remote_addr or ""
        if not is_of_a_home(asker) and asker not in _OURSELVES:
            abort(403)
        if not _BLOB.fullmatch(sha256) or sha256 not in signed(sets) or not blobs.path(sha256).is_file():
            abort(404)
        return send_file(
            blobs.path(sha256).resolve(), mimetype="application/octet-stream", conditional=True, etag=sha256
        )

    return app


def signed(sets: Sets) -> set[str]:
    """The sha256 of every file that came with a signed release and is part of a set."""
    return {
        file.sha256
        for one in sets.all()
        for role in one.releases
        if (model := getattr(one, role))
        for file in model.files
    }


@contextlib.contextmanager
def sharing(blobs: Blobs, sets: Sets, *, listen: str, name: str, wanted: bool) -> Iterator[int]:
    """Serves while the block runs, and announces it.

    Args:
        blobs: The files.
        sets: Which of them came signed.
        listen: Address and port; port 0 takes a free one.
        name: This box's own, which no other box in the home has.
        wanted: False does nothing.

    Yields:
        The port; 0 where nothing is served: updates go on without it.
    """
    server = _serve(blobs, sets, listen) if wanted else None
    if server is None:
        yield 0
        return
    announcer = _Announcer(name, server.port)
    try:
        yield server.port
    finally:
        announcer.close()
        server.close()


def _serve(blobs: Blobs, sets: Sets, listen: str) -> _Server | None:
    try:
        host, port = _place(listen)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return _Server(create_app(blobs, sets), socket.create_server((host, port), family=family))
    except (OSError, OverflowError, SettingsError) as failed:
        logs.event(_log, "sharing.not_possible", level=logging.ERROR, listen=listen, why=failed)
        return None


class _Server:
    """Serves in a thread of its own."""

    def __init__(self, app: Flask, place: socket.socket) -> None:
        self._open: dict[int, Any] = {}
        self._waitress = waitress.create_server(
            app,
            map=self._open,
            sockets=[place],
            threads=_THREADS,
            connection_limit=_CONNECTIONS,
            outbuf_high_watermark=_UNSENT,  # else waitress spools what a slow neighbour has not taken yet
            max_request_body_size=1,
            max_request_header_size=8_192,
            ident="nisse",
        )
        self.port = int(self._waitress.effective_port)
        self._thread = threading.Thread(target=self._waitress.run, name="sharing", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hangs up on everybody and ends the threads."""
        self._waitress.trigger.pull_trigger(self._end)
        self._thread.join(timeout=10)

    def _end(self) -> None:
        # In the server's own thread: what another closes under its select() breaks it (waitress issue 468), and those who still
        # write a file need its trigger until they have seen that nobody takes it any more.
        for channel in list(self._waitress.active_channels.values()):
            channel.handle_close()
        self._waitress.task_dispatcher.shutdown()
        wasyncore.close_all(self._open, ignore_all=True)


class _Announcer:
    """Announces the place on every address of the box, and does so again when they change."""

    def __init__(self, name: str, port: int, addresses: Callable[[], frozenset[str]] | None = None) -> None:
        self._name, self._port, self._addresses = name, port, addresses or home_addresses
        self._leaving = threading.Event()
        self._zeroconf: Zeroconf | None = None
        self._announced: frozenset[str] = frozenset()
        self._thread = threading.Thread(target=self._run, name="announcing", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._leaving.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            try:
                self._look()
            except (OSError, ZeroconfError) as failed:
                logs.event(_log, "sharing.not_announced", level=logging.WARNING, reason=repr(failed))
                self._withdraw()
            if self._leaving.wait(_LOOK_EVERY_S):
                break
        self._withdraw()

    def _look(self) -> None:
        addresses = self._addresses()
        if addresses == self._announced:
            return
        self._withdraw()
        if addresses:
            self._zeroconf = Zeroconf(interfaces=sorted(addresses), ip_version=IPVersion.V4Only)
            self._zeroconf.register_service(
                ServiceInfo(
                    SERVICE,
                    f"{self._name}.{SERVICE}",
                    port=self._port,
                    server=f"{self._name}-blobs.local.",
                    parsed_addresses=sorted(addresses),
                    properties={"v": "1"},
                )
            )
        self._announced = addresses

    def _withdraw(self) -> None:
        zeroconf, self._zeroconf, self._announced = self._zeroconf, None, frozenset()
        if zeroconf is not None:
            with contextlib.suppress(OSError, ZeroconfError):
                zeroconf.close()


def home_addresses() -> frozenset[str]:
    """The box's IPv4 addresses that others in the home can reach."""
    found = (
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family.name == "AF_INET"
    )
    return frozenset(address for address in found if is_of_a_home(address))


def is_of_a_home(address: str) -> bool:
    """Whether an address lies in a network as homes have them."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(found in network for network in _HOME if network.version == found.version)


def _place(listen: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{listen}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None:
        raise SettingsError(f"updates.share_listen cannot be {listen!r}.", hint="Write it as 0.0.0.0:8705.")
    return host, port
