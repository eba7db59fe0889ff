"""systemd's notification socket: READY, WATCHDOG, STATUS.

Owns: sending to it.
Does not know: when what is true.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import MutableMapping


class Systemd:
    """Whoever started us and wants to know how we are; nobody on a desk."""

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        """Takes the socket's address out of the environment, so that no child speaks in our name."""
        self._address = environ.pop("NOTIFY_SOCKET", "")
        environ.pop("WATCHDOG_USEC", None)
        environ.pop("WATCHDOG_PID", None)

    def tell(self, **facts: str | int) -> None:
        """Sends facts such as READY=1. Nobody there, or a full socket, is no matter: the next one comes in seconds."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        text = "\n".join(f"{name}={value}" for name, value in facts.items())
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(text.encode(), address)
