"""What the portal asks the box about its own system: how things stand, which updates are on sticks, and installing one.

Owns: the two questions, and an answer that can be shown also while root does not answer.
Does not know: pages, nor how a system is checked and installed (`provisioning/system`).
"""

from __future__ import annotations

from typing import Any

from agent.errors import NisseError
from webui import box


def state() -> dict[str, Any]:
    """How things stand: running, second_slot, last, bundles. Nothing on a desk, and only the version while root does not answer."""
    if not box.is_there():
        return {}
    try:
        return box.ask("system-status")
    except NisseError:
        return {"running": str(box.facts().get("version", "")), "is_away": True}


def install(path: str) -> None:
    """Has a bundle installed that is on a stick.

    Raises:
        NisseError: It is not taken; the message says why.
    """
    box.ask("system-install", path=path)
