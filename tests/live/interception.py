"""Wires that a test can cut at an exact place: proxies between a process and the servers it talks to, with one trap at a time.

Owns: passing bytes on in both directions (through TLS, if the server speaks it), recognising one request among them, and cutting there.
Does not know: any protocol. A request is recognised by a pattern over what the client sent since the server last spoke.

    with Wire(office.imap_port, tls=Tls(tmp_path, office.ca_file)) as imap:
        imap.set_trap(Trap(rb"UID STORE .*Answered", "after", lambda: process.kill()))

A trap falls once. `before`: the server never hears the request. `after`: the server answered it, and the client never hears that.
Both connections are cut, so that nothing of what follows gets through either.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

import trustme

Side = Literal["before", "after"]
HOST = "127.0.0.1"
_LOOK_S = 0.2
_PIECE = 65_536
_MOST_KEPT = 4_000_000


@dataclass
class Trap:
    """One place at which the wire is cut."""

    request: bytes  # pattern of the request, which may lie anywhere in what the client sent
    side: Side
    spring: Callable[[], None]  # what happens before the connections are cut, such as a kill
    sprung: threading.Event = field(default_factory=threading.Event)


class Tls:
    """An authority of the test's own, by which the proxies stand in for the real servers."""

    def __init__(self, folder: Path, trusted: Path) -> None:
        """Issues the certificate.

        Args:
            folder: Where the authority's file is put.
            trusted: The authority of the real servers.
        """
        authority = trustme.CA()
        self.ca_file = folder / "interception-ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST, "localhost").configure_cert(self.server)
        self.client = ssl.create_default_context(cafile=str(trusted))


class Wire:
    """A proxy on a port of its own."""

    def __init__(
        self, target: int, *, tls: Tls | None = None, retell: Callable[[bytes], bytes] | None = None
    ) -> None:
        """Listens; nothing is passed on before the `with` block.

        Args:
            target: The port of the real server on this machine.
            tls: If the server speaks TLS.
            retell: What the client hears of each piece that the server says, to make it a server that can less; None: all.
        """
        self._retell = retell or (lambda piece: piece)
        self.target = target
        self._tls = tls
        self._trap: Trap | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._listener = socket.create_server((HOST, 0), backlog=64)
        self._listener.settimeout(_LOOK_S)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.port = int(self._listener.getsockname()[1])

    def set_trap(self, trap: Trap | None) -> None:
        """Puts up a trap in place of the one that was there."""
        with self._lock:
            self._trap = trap

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(30)
        self._listener.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                client, _address = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.ExitStack() as opened, contextlib.suppress(OSError):
            opened.callback(client.close)
            client.settimeout(60)
            server = socket.create_connection((HOST, self.target), timeout=60)
            opened.callback(server.close)
            if self._tls:
                client = self._tls.server.wrap_socket(client, server_side=True)
                opened.callback(client.close)
                server = self._tls.client.wrap_socket(server, server_hostname=HOST)
                opened.callback(server.close)
            self._pass_on(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        said = b""
        answered: Trap | None = None  # falls when the server has answered
        while not self._ended.is_set():
            for speaker in _ready(client, server):
                piece = speaker.recv(_PIECE)
                if not piece:
                    return
                if speaker is client:
                    said = (said + piece)[-_MOST_KEPT:]
                    if trap := self._met(said):
                        if trap.side == "before":
                            _fall(trap)
                            return
                        answered = trap
                    server.sendall(piece)
                else:
                    if answered:
                        _fall(answered)
                        return
                    said = b""
                    client.sendall(self._retell(piece))

    def _met(self, said: bytes) -> Trap | None:
        with self._lock:
            if self._trap and re.search(self._trap.request, said, re.DOTALL):
                met, self._trap = self._trap, None
                return met
            return None


def _fall(trap: Trap) -> None:
    trap.spring()
    trap.sprung.set()


def _ready(*sockets: socket.socket) -> list[socket.socket]:
    held: list[socket.socket] = [one for one in sockets if isinstance(one, ssl.SSLSocket) and one.pending()]
    return held or list(select.select(sockets, [], [], _LOOK_S)[0])
