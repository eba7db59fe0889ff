"""`nisse learn`: teaches the house some files.

Owns: reading files from this machine and saying what became of each.
Does not know: document formats.
"""

from __future__ import annotations

import argparse
import base64
import mimetypes
import sys
from pathlib import Path

from agent.errors import NisseError
from agent.settings import Settings
from agent.wire.call import client

HELP = "teach the house some documents"
_WAIT_S = 600.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("file", nargs="+", type=Path, help="text, Markdown or PDF")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Hands each file to recall, for the whole house. Returns 1 if one was refused."""
    recall = client(settings, "recall")
    refused = 0
    for file in given.file:
        try:
            data = base64.b64encode(file.read_bytes()).decode("ascii")
            media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            body = {"name": file.name, "media_type": media_type, "data": data, "audience": "house"}
            kept = recall.post("/documents", body, timeout=_WAIT_S)
        except (NisseError, OSError) as failed:
            refused = 1
            print(f"{file.name}: {failed}", file=sys.stderr)
        else:
            print(f"{file.name}: " + ("known already" if kept["already"] else f"{kept['passages']} passages"))
    return refused
