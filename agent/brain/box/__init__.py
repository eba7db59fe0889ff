"""What this machine has to think with: memory and cores within what a container leaves of them, its board, its graphics cards.

    kernel.py     reading the kernel's files, and its control groups
    cores.py      physical cores, and which of them are fast
    graphics.py   what computes beside the processor

Every source is read below a root folder, so that a test can feed the files of another board.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import psutil

from agent.brain.box import cores, graphics
from agent.brain.box.graphics import Ask, Device
from agent.brain.box.kernel import ROOT, limits, text
from agent.brain.fit import MEGABYTE, Box


def look(
    devices: Callable[[], tuple[Device, ...]] = tuple, *, root: Path = ROOT, ask: Ask | None = None
) -> Box:
    """This machine.

    Args:
        devices: What llama.cpp can compute with beside the processor.
        root: Where `/proc`, `/sys` and `/etc` are found.
        ask: Runs a program and gives what it prints, nothing if it is not there; by default, it is really run.
    """
    physical, fast = cores.count(root)
    memory = _memory(root)
    return Box(
        board=_board(root),
        memory=memory,
        cores=physical,
        fast_cores=fast,
        flags=_flags(root),
        accelerators=graphics.find(devices(), root, ask or graphics.run, memory),
    )


def _memory(root: Path) -> int:
    """MB that this process may come to use, everything else on the box included."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", text(root / "proc/meminfo"), re.MULTILINE)
    total = int(found[1]) * 1024 if found else int(psutil.virtual_memory().total)
    return min([total, *limits(root, "memory", "memory.max", "memory.limit_in_bytes")]) // MEGABYTE


def _board(root: Path) -> str:
    tree = text(root / "proc/device-tree/model")
    if tree:
        return tree
    maker = text(root / "sys/class/dmi/id/sys_vendor")
    product = text(root / "sys/class/dmi/id/product_name")
    named = f"{maker} {product}".strip()
    if named:
        return named
    chip = re.search(r"^model name\s*:\s*(.+)$", text(root / "proc/cpuinfo"), re.MULTILINE)
    return chip[1] if chip else "a machine that does not say its name"


def _flags(root: Path) -> tuple[str, ...]:
    found = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text(root / "proc/cpuinfo"), re.MULTILINE)
    return tuple(found[1].split()) if found else ()
