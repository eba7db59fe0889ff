"""The box's privileged process as the portal meets it, scripted.

Owns: its socket, what it was asked and what it answers.
Does not know: what root would do.
"""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any


class Helper:
    """The privileged process at its socket, scripted."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {
            "network-status": {"ok": True, "radio": True, "cable": True, "last": {}},
            "wifi-list": {"ok": True, "networks": [{"ssid": "Home <b>", "signal": 80, "closed": True}]},
        }
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "helper.sock"))
        self._listener.listen()
        self._listener.settimeout(0.1)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                connection = self._listener.accept()[0]
            except TimeoutError:
                continue
            with connection, connection.makefile("rwb") as stream:
                asked = json.loads(stream.readline())
                self.asked.append(asked)
                stream.write(json.dumps(self.answers.get(asked["verb"], {"ok": True})).encode() + b"\n")

    def verbs(self) -> list[str]:
        return [asked["verb"] for asked in self.asked if asked["verb"] not in ("network-status", "wifi-list")]

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self._listener.close()
