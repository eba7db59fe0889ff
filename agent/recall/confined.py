"""Reading in a child process with little memory and time, for formats whose parser a hostile document could choke.

Owns: the child, its limits, and the way its pages or its error come back.
Does not know: any format.

The parent feeds the document to `python -m agent.recall.confined READER` and reads lines of JSON from it. One child runs at a time:
the box has memory for one.
"""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from agent import errors, registry
from agent.errors import NisseError
from agent.recall.pages import Limits, Page, too_hard

READERS = "agent.recall.readers"

_ROOT = Path(__file__).parents[2]
_one_at_a_time = threading.Lock()


def read(reader: str, data: bytes, limits: Limits) -> list[Page]:
    """What the reader makes of the document, or what it raises.

    Args:
        reader: Name of the plug-in.
        data: The document.
        limits: What the child may use.

    Raises:
        UnreadableError: The reader says so, or it took too much memory or time.
        TooLargeError: The reader says so.
    """
    argv = [sys.executable, "-P", "-m", __name__, reader, json.dumps(dataclasses.asdict(limits))]
    with _one_at_a_time:
        try:
            child = subprocess.run(  # noqa: S603
                argv,
                input=data,
                capture_output=True,
                timeout=limits.wall,
                check=False,
                env={"PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8"},
            )
        except subprocess.TimeoutExpired as late:
            raise too_hard() from late
    if child.returncode != 0:
        raise too_hard()
    return list(_understood(child.stdout.splitlines()))


def _understood(lines: Iterable[bytes]) -> Iterator[Page]:
    for line in lines:
        body = json.loads(line)
        if "error" in body:
            raise errors.from_json(int(body["status"]), body)
        yield Page(**body)


def _child(reader: str, limits: Limits) -> None:
    """The child's whole life: bind itself, read, write lines."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu, limits.cpu))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
    os.nice(10)
    data = sys.stdin.buffer.read()
    try:
        for page in registry.load(READERS, reader).read(data, limits):
            _say(dataclasses.asdict(page))
    except NisseError as refused:
        _say({**refused.to_json(), "status": refused.status})
    except (MemoryError, RecursionError):
        sys.exit(1)


def _say(body: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(body) + "\n")


if __name__ == "__main__":
    _child(sys.argv[1], Limits(**json.loads(sys.argv[2])))
