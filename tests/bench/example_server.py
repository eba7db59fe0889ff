"""Starts the example server of llama-cpp-python's source package with its own arguments.

    python example_server.py SERVER.PY ARGUMENTS...

It imports the binding for pictures and sound, whose library a build for text alone does not have. For text it calls nothing of it,
so here an empty module stands in where the library is missing.

Owns: that. Does not know: what is measured. Runs in build/bench/venv.
"""

from __future__ import annotations

import runpy
import sys
import types
from pathlib import Path

import llama_cpp

if not list((Path(llama_cpp.__file__).parent / "lib").glob("libmtmd*")):
    missing = types.ModuleType("llama_cpp.mtmd_cpp")
    sys.modules[missing.__name__] = missing
    llama_cpp.mtmd_cpp = missing  # type: ignore[attr-defined,unused-ignore]

del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
