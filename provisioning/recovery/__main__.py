"""`python -m provisioning.recovery`: serves the page on port 80, and says the same on the screen.

Owns: the server; it changes nothing and takes nothing in.
Does not know: the page's words.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from provisioning.recovery.page import Trouble, on_screen, page

_PORT = 80
_MOST_SAID = 2_000
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def known(root: Path = Path("/")) -> Trouble:
    """What is known of the trouble."""
    words = _text(root / "proc/cmdline").split()
    try:
        version = str(tomllib.loads(_text(root / "etc/nisse/image.toml")).get("version", ""))
    except tomllib.TOMLDecodeError:
        version = ""
    return Trouble(
        asked_by_loader="nisse.mode=recovery" in words,
        said=_text(root / "run/nisse/trouble").strip()[:_MOST_SAID],
        version=version,
    )


class Handler(BaseHTTPRequestHandler):
    """Answers every question with the page, and programs with what they look for."""

    timeout = 20
    server_version = "Nisse"
    sys_version = ""

    def do_GET(self) -> None:
        """The page, or for `/healthz` its meaning in JSON; 503 either way."""
        if self.path in ("/healthz", "/health"):
            self._send("application/json", json.dumps({"mode": "recovery", "ready": False}))
        else:
            self._send("text/html; charset=utf-8", page(known()))

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def _send(self, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(503)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Says nothing."""


def main() -> int:
    """Says it on the screen, then serves until it is ended."""
    text = on_screen(known()).replace("\n", "\r\n")
    for console in ("/dev/console", "/dev/tty1"):
        with contextlib.suppress(OSError):
            descriptor = os.open(console, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                out.write(text)
    with ThreadingHTTPServer(("0.0.0.0", _PORT), Handler) as server:
        server.serve_forever()
    return 0


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
