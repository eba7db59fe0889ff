"""The box below the house, where there is one: what its first start left word of, and what only root may do, asked over a local socket.

Owns: the socket's language, and reading the box's own files.
Does not know: how anything is done, nor pages. On a desk there is no such socket, and nothing of this is shown.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from pathlib import Path
from typing import Any

from agent import claim
from agent.errors import UnreachableError, from_json
from agent.settings import Settings

_LONGEST = 1_000_000  # bytes of an answer
_PATIENCE_S = 60.0
_LOST = "lost-password-code"  # laid there by the box for whoever stands before it (provisioning/firstboot/claiming.py)
_REPORT = "presets-report.json"
_OWNER = "presets-owner.json"


def is_there() -> bool:
    """Whether this house runs on a box of its own."""
    return bool(os.environ.get("NISSE_RUN")) and (_folder() / "helper.sock").exists()


def ask(verb: str, **values: Any) -> dict[str, Any]:
    """Has root do one of the fixed things (provisioning/privileged/verbs.py).

    Raises:
        NisseError: It was refused, or nobody answers.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE_S)
            connection.connect(str(_folder() / "helper.sock"))
            connection.sendall(json.dumps({"verb": verb, **values}).encode() + b"\n")
            with connection.makefile("rb") as answer:
                said = json.loads(answer.readline(_LONGEST))
    except (OSError, ValueError) as away:
        raise UnreachableError(
            "The box does not answer.", hint="Try again in a minute, or restart it."
        ) from away
    if not isinstance(said, dict) or not said.get("ok"):
        raise from_json(400, said)
    return said


def facts() -> dict[str, Any]:
    """What the box's start left word of: version, board, slot, what failed."""
    return _read(_folder() / "box.json")


def presets_report(settings: Settings) -> dict[str, Any]:
    """What became of the presets on the boot partition; empty if there were none."""
    return _read(settings.home / _REPORT)


def offered_owner(settings: Settings) -> dict[str, str]:
    """The owner's name and address as the presets have them."""
    found = _read(settings.home / _OWNER)
    return {key: str(found.get(key, "")) for key in ("name", "address")}


def forget_offered_owner(settings: Settings) -> None:
    """There is an owner: what was offered is of no use any more."""
    with contextlib.suppress(OSError):
        (settings.home / _OWNER).unlink(missing_ok=True)


def lost_code(settings: Settings) -> str:
    """The code with which an owner who stands before the box may set a new password; empty if nobody asked for one."""
    try:
        return (settings.home / _LOST).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def lost_code_fits(settings: Settings, typed: str) -> bool:
    """Whether this is that code."""
    return claim.is_same(lost_code(settings), typed)


def lost_code_used(settings: Settings) -> None:
    """It is worth nothing from now on."""
    (settings.home / _LOST).unlink(missing_ok=True)


def _folder() -> Path:
    return Path(os.environ.get("NISSE_RUN", ""))


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            content = json.loads(opened.read(_LONGEST))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
