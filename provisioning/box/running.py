"""One program of the system, with a limit on its time and its output.

Owns: running it and turning what went wrong into our words.
Does not know: any program.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

from agent.errors import UnavailableError

_MOST_OUTPUT = 200_000  # characters
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Run = Callable[..., str]  # like `run` below; a test gives its own


def run(*command: str, seconds: float = 60, fine: tuple[int, ...] = (0,)) -> str:
    """Runs a program and gives what it prints.

    Args:
        command: The program and its words; no shell reads them.
        seconds: How long it may take.
        fine: The exit statuses that mean success.

    Raises:
        UnavailableError: It is not there, took too long, or failed.
    """
    environment = {**os.environ, "PATH": _PATH, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            command,
            check=False,
            capture_output=True,
            timeout=seconds,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise UnavailableError(f"{command[0]} did not run: {failed}.") from failed
    said = (done.stdout + done.stderr).decode("utf-8", "replace")[:_MOST_OUTPUT]
    if done.returncode not in fine:
        raise UnavailableError(f"{command[0]} failed ({done.returncode}): {said.strip()[-500:]}")
    return done.stdout.decode("utf-8", "replace")[:_MOST_OUTPUT]
