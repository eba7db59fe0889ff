"""llama.cpp as it was built into this environment: set up before it is loaded, its log heard, its errors kept.

Owns: the environment of its threads, its log, and what identifies this build.
Does not know: models or contexts.
"""

from __future__ import annotations

import ctypes
import logging
import os
import re
import threading
from pathlib import Path
from typing import Any

from agent import logs

# OpenMP's threads spin while they wait, which collapses as soon as another process wants the cores; this bounds it. It works
# only if it is set before the library is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import llama_cpp

_log = logging.getLogger(__name__)

_LEVEL_ERROR = 4  # ggml's own numbers
_LEVEL_CONTINUED = 5
_MEGABYTE = 1024 * 1024
_BUFFER = re.compile(r"(\S+)\s+(model|KV|RS|compute|output) buffer size\s*=\s*([\d.]+) MiB")
# A step that the engine broke off, or for which it will make room, is an error to the library alone.
_EXPECTED = re.compile(r"failed with error 1$|compute status: 1$|ret = [12]$|failed to find a memory slot")


class Hearing:
    """What the library said since a point in time: its errors, and the sizes of the buffers that it made."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.buffers: dict[str, int] = {}  # "CPU model", "CPU KV", ... -> bytes

    def why(self, otherwise: object) -> str:
        """The first error, or other words if there was none."""
        return self.errors[0] if self.errors else str(otherwise)


_lock = threading.Lock()
_hearing = Hearing()
_last_level = 0


def listen() -> Hearing:
    """Begins to collect anew."""
    global _hearing  # noqa: PLW0603 - the library has one log for the whole process
    with _lock:
        _hearing = Hearing()
        return _hearing


def build() -> str:
    """What tells this build of the library from others; saved states hold for one build only."""
    features = llama_cpp.llama_print_system_info().decode("utf-8", "replace")
    return f"llama-cpp-python {llama_cpp.__version__} {features}"


def functions() -> Any:
    """The library's own handle. It finds ggml's functions too, also those that the Python binding leaves out."""
    return llama_cpp.llama_cpp._lib  # noqa: SLF001 - another handle would load a second copy of ggml


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator,unused-ignore]
def _hear(level: int, text: bytes, _nothing: ctypes.c_void_p) -> None:
    global _last_level  # noqa: PLW0603 - a line may come in several calls
    _last_level = _last_level if level == _LEVEL_CONTINUED else level
    words = text.decode("utf-8", "replace").strip(" .\n")
    with _lock:
        for device, kind, size in _BUFFER.findall(words):
            name = f"{device} {kind}"
            _hearing.buffers[name] = _hearing.buffers.get(name, 0) + int(float(size) * _MEGABYTE)
        if _last_level != _LEVEL_ERROR or not words or _EXPECTED.search(words):
            return
        _hearing.errors.append(words)
        del _hearing.errors[:-20]
    logs.event(_log, "llama.complains", level=logging.WARNING, says=words)


llama_cpp.llama_log_set(_hear, ctypes.c_void_p(0))
if (
    not functions().ggml_backend_dev_count()
):  # a build for many processors picks the one at hand only when asked
    functions().ggml_backend_load_all_from_path(str(Path(llama_cpp.__file__).parent / "lib").encode())
llama_cpp.llama_backend_init()
