"""What computes beside the processor: what llama.cpp can use, and failing that what is there without being of use.

Owns: llama.cpp's devices as accelerators, and where drivers tell of cards that it cannot use.
Does not know: llama.cpp (it is told of its devices), or what is put onto a card.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.brain.box.kernel import text
from agent.brain.fit import MEGABYTE, Accelerator, Kind

_PATIENCE_S = 5.0  # for nvidia-smi, which may hang with a sick driver
_LEAST_CARD = 1000  # MB; less is no graphics card to compute with
_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")
_NODES = (
    "dri/*",
    "nvidia*",
    "nvgpu*",
    "nvhost*",
    "nvmap",
    "kfd",
    "dxg",
)  # of drivers that programs can compute by
_MEBIBYTE = 1024 * 1024
_MOST_TEXT = 65_536
_KINDS: dict[str, Kind] = {"cuda": "cuda", "vulkan": "vulkan", "metal": "metal", "mtl": "metal"}

Ask = Callable[[tuple[str, ...]], str]


@dataclass(frozen=True, kw_only=True)
class Device:
    """Something that llama.cpp can put layers onto."""

    name: str  # ggml's: CUDA0, Vulkan0, Metal
    title: str
    memory: int  # bytes
    free: int  # bytes
    shared: bool  # its memory is the box's own


def are_possible(root: Path, system: str = sys.platform) -> bool:
    """Whether the kernel shows anything of a graphics card. Where it does not, nobody need load llama.cpp to be told so.

    Args:
        root: Where `/dev` is found.
        system: What runs here; only Linux shows its drivers there.
    """
    return system != "linux" or any(any((root / "dev").glob(node)) for node in _NODES)


def find(devices: tuple[Device, ...], root: Path, ask: Ask, memory: int) -> tuple[Accelerator, ...]:
    """The box's accelerators.

    Args:
        devices: What llama.cpp can use.
        root: Where `/proc`, `/sys` and `/etc` are found.
        ask: Runs a program and gives what it prints.
        memory: Of the box, in MB.
    """
    compatible = text(root / "proc/device-tree/compatible")
    tegra = bool(text(root / "etc/nv_tegra_release")) or "nvidia,tegra" in compatible
    if devices:
        return tuple(_used(device, memory, tegra=tegra) for device in devices)
    return (*_tegra(memory, tegra=tegra), *_nvidia(root, ask), *_amd(root))


def run(command: tuple[str, ...]) -> str:
    """What a program prints; nothing if it is not there, fails, or takes too long."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=True)  # noqa: S603 - our own words
        return done.stdout[:_MOST_TEXT].decode("utf-8", "replace")
    return ""


def _used(device: Device, memory: int, *, tegra: bool) -> Accelerator:
    kind: Kind = next(
        (kind for start, kind in _KINDS.items() if device.name.lower().startswith(start)), "other"
    )
    shared = device.shared or tegra or kind == "metal"
    return Accelerator(
        kind="tegra" if tegra and kind == "cuda" else kind,
        name=device.title,
        memory=memory if shared else device.memory // MEGABYTE,
        free=None if shared else device.free // MEGABYTE,
        shared=shared,
    )


def _tegra(memory: int, *, tegra: bool) -> Iterator[Accelerator]:
    if tegra:
        yield Accelerator(
            kind="tegra", name="The Jetson's graphics processor", memory=memory, shared=True, usable=False
        )


def _nvidia(root: Path, ask: Ask) -> Iterator[Accelerator]:
    """Of the driver's own list, and where that is silent, of the kernel's."""
    answered = False
    for line in ask(_QUERY).splitlines():
        name, *sizes = (part.strip() for part in line.split(","))
        with contextlib.suppress(ValueError):
            total, free = (int(size) * _MEBIBYTE // MEGABYTE for size in sizes)
            answered = True
            yield Accelerator(kind="cuda", name=name, memory=total, free=free, usable=False)
    if not answered:
        for file in sorted((root / "proc/driver/nvidia/gpus").glob("*/information")):
            found = re.search(r"^Model:\s*(.+)$", text(file), re.MULTILINE)
            name = found[1].strip() if found else "An NVIDIA card"
            yield Accelerator(kind="cuda", name=name, memory=0, usable=False)


def _amd(root: Path) -> Iterator[Accelerator]:
    for file in sorted((root / "sys/class/drm").glob("card[0-9]*/device/mem_info_vram_total")):
        with contextlib.suppress(ValueError):
            total = int(text(file)) // MEGABYTE
            if total >= _LEAST_CARD:
                name = text(file.with_name("product_name")) or "An AMD graphics card"
                yield Accelerator(kind="vulkan", name=name, memory=total, usable=False)
