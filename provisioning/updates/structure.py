"""Looks into a model's file before it counts, in a child process with little memory and time: the file may come from a stranger.

Owns: the child, its limits, and which files are looked into; what a runtime would map into memory must lie inside the file.
Does not know: the format (`agent/models/gguf_header.py`), nor whether the model is any good.

llama.cpp itself believes most of what a header says.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

from agent.errors import ModelError
from agent.models import gguf_header
from provisioning.updates.refusals import RefusedError

_ROOT = Path(__file__).parents[2]
_MEMORY = 512 << 20  # bytes, beside the file, which is mapped and not read
_CPU_S, _WALL_S = 60, 300  # the second for a slow card
_WRONG = 3  # exit status: the file is no model; the child said why


def check(path: Path, name: str) -> None:
    """Looks whether a file is built as its name says. Files other than GGUF are left to their hash and their trial.

    Args:
        path: The file.
        name: What it will be called: on its way it has another name.

    Raises:
        RefusedError: It is not (`not_a_model`).
    """
    if not name.lower().endswith(".gguf"):
        return
    command = [sys.executable, "-P", "-m", __name__, str(path.resolve())]
    try:
        child = subprocess.run(  # noqa: S603 - our own words
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_WALL_S,
            env={"PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired as late:
        raise RefusedError("not_a_model", "looking into it takes too long") from late
    said = child.stderr.decode("utf-8", "replace").strip()[-500:]
    if child.returncode:
        ended = (
            said if child.returncode == _WRONG else f"looking into it ended with {child.returncode}: {said}"
        )
        raise RefusedError("not_a_model", ended)


def _child(path: Path) -> int:
    """The child's whole life: bind itself, look, say what is wrong."""
    memory = _MEMORY + path.stat().st_size
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CPU, _CPU_S),
        (resource.RLIMIT_DATA, _MEMORY),
        (resource.RLIMIT_AS, memory),
    ):
        resource.setrlimit(what, (most, most))
    os.nice(10)
    try:
        gguf_header.read(path)
    except ModelError as wrong:
        sys.stderr.write(wrong.message)
        return _WRONG
    return 0


if __name__ == "__main__":
    sys.exit(_child(Path(sys.argv[1])))
