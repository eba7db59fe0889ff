"""Boxes that we know, as Linux shows them: for the tests, and so that somebody can see before buying what a box would do.

Owns: the list. Memory is what the kernel has to give away, a little less than the label says.
Does not know: how a box is looked at, or what is chosen for it.
"""

from __future__ import annotations

from agent.brain.fit import Accelerator, Box

_PI_FLAGS = ("fp", "asimd", "evtstrm", "crc32", "cpuid")
_PI_5_FLAGS = (*_PI_FLAGS, "atomics", "fphp", "asimdhp", "asimdrdm", "lrcpc", "dcpop", "asimddp")
_N100_FLAGS = ("sse4_2", "avx", "f16c", "fma", "avx2", "avx_vnni")
_DESK_FLAGS = ("sse4_2", "avx", "f16c", "fma", "avx2")


def _pi(number: int, label: int, memory: int) -> Box:
    flags = _PI_FLAGS if number == 4 else _PI_5_FLAGS
    return Box(board=f"Raspberry Pi {number}, {label} GB", memory=memory, cores=4, fast_cores=4, flags=flags)


def _jetson(board: str, memory: int, cores: int) -> Box:
    orin = Accelerator(kind="tegra", name="NVIDIA Orin", memory=memory, shared=True)
    return Box(
        board=board, memory=memory, cores=cores, fast_cores=cores, flags=_PI_5_FLAGS, accelerators=(orin,)
    )


KNOWN = (
    _pi(4, 2, 1_940),
    _pi(4, 4, 3_974),
    _pi(4, 8, 8_189),
    _pi(5, 4, 4_240),
    _pi(5, 8, 8_457),
    _pi(5, 16, 16_990),
    _jetson("Jetson Orin Nano, 8 GB", 7_990, 6),
    _jetson("Jetson AGX Orin, 64 GB", 64_350, 12),
    Box(board="Mini-PC with an N100, 8 GB", memory=8_020, cores=4, fast_cores=4, flags=_N100_FLAGS),
    Box(board="Mini-PC with an N100, 16 GB", memory=16_480, cores=4, fast_cores=4, flags=_N100_FLAGS),
    Box(
        board="Mini-PC, 32 GB, with a 12 GB graphics card",
        memory=33_480,
        cores=8,
        fast_cores=8,
        flags=_DESK_FLAGS,
        accelerators=(Accelerator(kind="cuda", name="NVIDIA GeForce RTX 3060", memory=12_884, free=12_600),),
    ),
)
