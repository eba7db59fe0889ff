"""Taking away from this process what it does not need: the network, other files, and outliving its parent.

Owns: how Linux is asked for it. Nothing of it can be taken back.
Does not know: what the process is for.

A filter of system calls refuses new sockets, which needs no rights and holds in every thread to come. (A network namespace would need
user namespaces, which many systems forbid.)
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
from pathlib import Path

_SET_PDEATHSIG, _SET_SECCOMP, _NO_NEW_PRIVILEGES = 1, 22, 38
_FILTER = 2
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 13  # EACCES
_X32 = 0x40000000  # calls of another width, under other numbers
# Of each architecture: its name to the kernel, and the number of `socket`; `io_uring_setup`, which could open one too, is 425 on all.
_CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_IO_URING = 425
_FIRST_TO_DIE = "1000"
_AIR = 256_000_000  # bytes: stacks, which are counted whole


class _Step(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("yes", ctypes.c_uint8),
        ("no", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("steps", ctypes.POINTER(_Step)))


def confine(*, parent: int, most_memory: int, card: bool = False) -> bool:
    """Confines this process for good; to be called before any thread is started.

    Args:
        parent: The process with which it dies.
        most_memory: Bytes that it may have, as whoever watches over it allows. Beyond it and some air, allocating fails at once.
        card: It computes on a graphics card, whose driver needs files of its own and maps much more than it has.

    Returns:
        Whether the network is shut off.
    """
    ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_DIE, encoding="ascii")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not card:
        data = most_memory + most_memory // 4 + _AIR
        resource.setrlimit(resource.RLIMIT_DATA, (data, data))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with contextlib.suppress(OSError):
        os.nice(5)
    return _no_sockets()


def _no_sockets() -> bool:
    if platform.machine() not in _CALLS:
        return False
    architecture, socket = _CALLS[platform.machine()]
    steps = (
        _Step(_LOAD, 0, 0, 4),
        _Step(_EQUAL, 0, 5, architecture),
        _Step(_LOAD, 0, 0, 0),
        _Step(_AT_LEAST, 3, 0, _X32),
        _Step(_EQUAL, 2, 0, socket),
        _Step(_EQUAL, 1, 0, _IO_URING),
        _Step(_RETURN, 0, 0, _ALLOW),
        _Step(_RETURN, 0, 0, _REFUSE),
    )
    program = _Program(len(steps), (_Step * len(steps))(*steps))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return False
    return bool(library.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0)
