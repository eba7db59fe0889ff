"""Carries out a plan: one step after another, saying which and how long it took, with every program's words in a log.

Owns: running the steps, their times, their log, and what is left out because it is there already.
Does not know: what the steps are about.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from agent.errors import NisseError, UnavailableError
from provisioning.image.step import Command, Step

_TAIL_LINES = 15
Say = Callable[[str], None]


def carry_out(steps: Sequence[Step], out: Path, *, fresh: Collection[str] = (), say: Say) -> dict[str, float]:
    """Runs the steps; the seconds of each.

    Args:
        steps: In their order.
        out: Where `build.log` and `seconds.json` go.
        fresh: Names of steps whose product of an earlier build is not kept.
        say: Told each line for people.

    Raises:
        UnavailableError: A program failed or is not there; the last lines of its output are in the hint.
        NisseError: A step's own work found something wrong.
    """
    out.mkdir(parents=True, exist_ok=True)
    log = out / "build.log"
    log.write_bytes(b"")
    seconds: dict[str, float] = {}
    for number, step in enumerate(steps, start=1):
        say(f"[{number}/{len(steps)}] {step.name}: {step.says}")
        began = time.monotonic()
        with _alone(step.alone_in):
            if step.name not in fresh and _is_there(step):
                say(f"    kept from before: {step.product}")
            else:
                _run(step, log)
                _note_key(step)
        seconds[step.name] = round(time.monotonic() - began, 1)
        say(f"    {seconds[step.name]:.0f} s")
        (out / "seconds.json").write_text(json.dumps(seconds, indent=2) + "\n", encoding="utf-8")
    return seconds


@contextlib.contextmanager
def _alone(folder: Path | None) -> Iterator[None]:
    """Waits for another build that works in the same folder."""
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_there(step: Step) -> bool:
    if not (step.product and step.product.exists()):
        return False
    try:
        return _key_file(step.product).read_text(encoding="utf-8") == step.key
    except OSError:
        return False


def _note_key(step: Step) -> None:
    if step.product:
        _key_file(step.product).write_text(step.key, encoding="utf-8")


def _key_file(product: Path) -> Path:
    return product.with_name(f"{product.name}.key")


def _run(step: Step, log: Path) -> None:
    if step.product:
        _key_file(step.product).unlink(missing_ok=True)  # a half-made product must not count as kept
    for action in step.actions:
        if isinstance(action, Command):
            run(action, log)
            continue
        try:
            action.does()
        except OSError as failed:
            raise UnavailableError(
                f"The step {step.name} failed: {failed}.", hint="Is the disk full, or something missing?"
            ) from failed


def run(command: Command, log: Path) -> None:
    """Runs one program with its words appended to the log.

    Raises:
        UnavailableError: It is not installed, or it failed.
    """
    with log.open("ab") as output, (command.reads or Path(os.devnull)).open("rb") as source:
        output.write(f"\n$ {command.line}\n".encode())
        output.flush()
        began = output.tell()
        try:
            done = subprocess.run(  # noqa: S603 - the plan's own command
                command.words,
                env=os.environ | command.variables,
                stdin=source,
                stdout=output,
                stderr=output,
                check=False,
            )
        except FileNotFoundError as missing:
            raise UnavailableError(
                f"{command.words[0]} is not installed.", hint="Run provisioning/setup.sh image."
            ) from missing
    if done.returncode:
        raise _failure(command, done.returncode, log, began)


def _failure(command: Command, status: int, log: Path, began: int) -> NisseError:
    with log.open("rb") as file:
        file.seek(began)
        tail = file.read().decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    return UnavailableError(
        f"{command.words[0]} failed with status {status}.",
        hint="\n".join([f"All of it is in {log}. Its last words:", *tail]),
    )
