"""What this box is to an update server's rules: its memory, its version of Nisse, a number of its own by chance, and its start.

Owns: the number, which is made once and told to nobody: it only says in which part of a roll-out this box is.
Does not know: the rules (`trust`).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import secrets
from pathlib import Path

import psutil

from agent import durable
from provisioning.updates.trust import Box

_MEGABYTE = 1_000_000
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def look(folder: Path) -> Box:
    """This box.

    Args:
        folder: `updates/` in the folder of models, where the number is kept.
    """
    return Box(
        id=_number(folder / "box.json"),
        memory=psutil.virtual_memory().total // _MEGABYTE,
        agent=importlib.metadata.version("nisse"),
    )


def name(box: Box) -> str:
    """What tells this box from its neighbours; it says nothing of the number."""
    return f"nisse-{hashlib.sha256(f'neighbours {box.id}'.encode()).hexdigest()[:12]}"


def boot(file: Path = _BOOT) -> str:
    """This start of the machine; empty where the system does not say."""
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _number(file: Path) -> str:
    kept = (durable.read_sealed(file) or {}).get("id")
    if isinstance(kept, str) and kept:
        return kept
    made = secrets.token_hex(16)
    with contextlib.suppress(OSError):  # a full disk: it gets another one at the next start
        durable.write_sealed(file, {"id": made})
    return made
