"""One line of JSON in, one line of JSON out, for those who may ask.

Owns: the socket, who is at its other end, and the limits on size and time.
Does not know: what the verbs do, nor which of them each may ask.
"""

from __future__ import annotations

import contextlib
import json
import logging
import pwd
import select
import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

from agent import logs
from agent.errors import ForbiddenError, RequestError
from provisioning.box.places import PORTAL, ROOT, UPDATES

_log = logging.getLogger(__name__)

_LONGEST = 8_192  # bytes of a request
_PATIENCE_S = 5.0
_IDLE_S = 30.0
_FIRST_DESCRIPTOR = 3  # where systemd hands the socket over

Reply = Callable[[Any, str], dict[str, Any]]  # what is asked, and by which user


def given_socket(environ: dict[str, str], own_pid: int) -> socket.socket:
    """The socket that systemd opened.

    Raises:
        RequestError: There is none; this process is started by systemd alone.
    """
    if environ.get("LISTEN_FDS") != "1" or environ.get("LISTEN_PID") != str(own_pid):
        raise RequestError("No socket was handed over.", hint="systemd starts this, by nisse-helper.socket.")
    return socket.socket(fileno=_FIRST_DESCRIPTOR)


def allowed_users() -> dict[int, str]:
    """Who may ask at all: the portal, updates, and root; by number, with the name."""
    allowed = {0: ROOT}
    for name in (PORTAL, UPDATES):
        with contextlib.suppress(KeyError):
            allowed[pwd.getpwnam(name).pw_uid] = name
    return allowed


def serve(
    listener: socket.socket,
    reply: Reply,
    allowed: Mapping[int, str],
    *,
    busy: Callable[[], bool] = lambda: False,
    idle: float = _IDLE_S,
) -> None:
    """Answers one after the other until nobody has asked for a while.

    Args:
        listener: Where they knock.
        reply: Does what is asked for.
        allowed: The users who may ask at all, by their numbers.
        busy: Whether something still goes on.
        idle: Seconds without a question after which this ends.
    """
    quiet_since = time.monotonic()
    while busy() or time.monotonic() - quiet_since < idle:
        if select.select([listener], [], [], 1.0)[0]:
            with listener.accept()[0] as connection:
                connection.settimeout(_PATIENCE_S)
                _answer(connection, reply, allowed)
            quiet_since = time.monotonic()


def _answer(connection: socket.socket, reply: Reply, allowed: Mapping[int, str]) -> None:
    try:
        said = _reply_to(connection, reply, allowed)
        connection.settimeout(_PATIENCE_S)
        connection.sendall(json.dumps(said).encode() + b"\n")
    except OSError as gone:
        logs.event(_log, "asker.gone", level=logging.WARNING, reason=gone)


def _reply_to(connection: socket.socket, reply: Reply, allowed: Mapping[int, str]) -> dict[str, Any]:
    user = allowed.get(peer(connection))
    if user is None:
        logs.event(_log, "asker.refused", level=logging.WARNING, user=peer(connection))
        return ForbiddenError("Only the portal and updates may ask this.").to_json()
    try:
        return reply(json.loads(_line(connection)), user)
    except (ValueError, RecursionError):
        return RequestError("A request is one line of JSON.").to_json()


def peer(connection: socket.socket) -> int:
    """The number of the user at the other end, as the kernel knows it."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, user, _group = struct.unpack("3i", raw)
    return int(user)


def _line(connection: socket.socket) -> bytes:
    """One line, within the limits; a slow asker has five seconds for all of it."""
    end, found = time.monotonic() + _PATIENCE_S, b""
    while not found.endswith(b"\n"):
        connection.settimeout(max(0.01, end - time.monotonic()))
        piece = connection.recv(_LONGEST)
        found += piece
        if not piece or len(found) > _LONGEST or time.monotonic() > end:
            raise ValueError("no line")
    return found
