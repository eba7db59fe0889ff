"""What llama.cpp itself can compute with, beside the processor.

Owns: ggml's list of devices, as the library that is installed here was built.
Does not know: cards that this build cannot use, or what is put onto a device.
"""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp

from agent.brain.box.graphics import Device
from agent.brain.llama import library

_OWN_MEMORY, _SHARED_MEMORY = 1, 2  # ggml's kinds of device


def devices() -> tuple[Device, ...]:
    """Those that layers can be put onto; none where the library was built for the processor alone."""
    if not llama_cpp.llama_supports_gpu_offload():
        return ()
    return listed({_OWN_MEMORY, _SHARED_MEMORY})


def listed(kinds: set[int]) -> tuple[Device, ...]:
    """The devices of some of ggml's kinds; the processor is of kind 0."""
    functions = _functions()
    found = [functions.ggml_backend_dev_get(index) for index in range(functions.ggml_backend_dev_count())]
    return tuple(_described(device) for device in found if functions.ggml_backend_dev_type(device) in kinds)


def _functions() -> Any:
    functions = library.functions()
    functions.ggml_backend_dev_count.restype = ctypes.c_size_t
    functions.ggml_backend_dev_get.restype = ctypes.c_void_p
    functions.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    functions.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    functions.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    functions.ggml_backend_dev_memory.restype = None
    for function in (functions.ggml_backend_dev_name, functions.ggml_backend_dev_description):
        function.restype, function.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
    return functions


def _described(device: int) -> Device:
    functions = _functions()
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    functions.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
    return Device(
        name=functions.ggml_backend_dev_name(device).decode("utf-8", "replace"),
        title=functions.ggml_backend_dev_description(device).decode("utf-8", "replace"),
        memory=total.value,
        free=free.value,
        shared=functions.ggml_backend_dev_type(device) == _SHARED_MEMORY,
    )
