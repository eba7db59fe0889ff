"""The C library's heap, kept small: memory that one request needed goes back to the box when it is done.

Owns: how glibc's malloc is set up, and asking it now and then to give back what it holds for nothing.
Does not know: what the memory is used for. On another C library it does nothing.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable

_ARENA_MAX = -8  # glibc's numbers of what can be set
_MMAP_THRESHOLD = -3
# Larger blocks go straight back to the system. Not smaller: choosing a token takes 2 MB, and gives them back, at every token.
_LARGE = 4 * 1024 * 1024
_TIDY_EVERY_S = 10.0


def keep_small(busy: Callable[[], bool]) -> None:
    """Sets it up for the whole process; call it before threads are started.

    Args:
        busy: Whether somebody waits for the process just now; then it is not tidied.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt") or not hasattr(library, "malloc_trim"):
        return
    library.mallopt(_ARENA_MAX, 1)
    library.mallopt(_MMAP_THRESHOLD, _LARGE)
    threading.Thread(target=_tidy, args=(library, busy), name="tidying", daemon=True).start()


def _tidy(library: ctypes.CDLL, busy: Callable[[], bool]) -> None:
    pause = threading.Event()
    while True:
        pause.wait(_TIDY_EVERY_S)
        if not busy():
            library.malloc_trim(0)
