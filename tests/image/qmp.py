"""QEMU's machine protocol: one command, one answer.

Owns: one connection, kept for the machine's life, because QEMU serves one client at a time and lets a second one wait for ever.
Does not know: what the commands mean.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from pathlib import Path
from typing import Any

_PATIENCE_S = 30.0


class Qmp:
    """Asks a running QEMU."""

    def __init__(self, path: Path) -> None:
        """Connects, as soon as QEMU has opened its socket.

        Raises:
            TimeoutError: It did not in time.
        """
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_PATIENCE_S)
        end = time.monotonic() + _PATIENCE_S
        while True:
            try:
                self._socket.connect(str(path))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > end:
                    self._socket.close()
                    raise TimeoutError(f"QEMU did not open {path}") from None
                time.sleep(0.05)
        self._lines = self._socket.makefile("r", encoding="utf-8")
        self._why_it_ended = ""
        try:
            self._lines.readline()  # the greeting
            self.ask("qmp_capabilities")
        except (OSError, EOFError):
            self.close()  # it ended at once
            raise

    def ask(self, command: str, **arguments: Any) -> Any:
        """One command's answer; events that come between are passed over."""
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            line = self._lines.readline()
            if not line:
                raise EOFError("QEMU has ended")
            said = json.loads(line)
            if "error" in said:
                raise RuntimeError(f"QEMU refuses {command}: {said['error'].get('desc')}")
            if "return" in said:
                return said["return"]
            self._note(said)

    def has_restarted(self) -> bool:
        """Whether a QEMU that has ended did so because its guest wanted to start again; to be asked only then."""
        with contextlib.suppress(OSError, ValueError):
            for line in self._lines:
                self._note(json.loads(line))
        return self._why_it_ended == "guest-reset"

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("event") == "SHUTDOWN":
            self._why_it_ended = str(event["data"]["reason"])

    def close(self) -> None:
        """Hangs up."""
        self._lines.close()
        self._socket.close()
