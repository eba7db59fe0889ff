"""At each start of the house: which program it takes, whether its file is whole, and the link by which the house finds it.

Owns: the order: the start is counted durably, the file is read as a whole, then the link is made. Whatever fails leaves the base.
Does not know: the rules (`choosing`), nor how systemd mounts it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

from agent import durable, logs
from provisioning.box.places import Places
from provisioning.programs import choosing
from provisioning.programs.choosing import Base, Start
from provisioning.programs.state import Book, Program, State

LINK, FACTS = "program.raw", "program.json"
_log = logging.getLogger(__name__)


def choose(places: Places, base: Base, why: Callable[[], Start], now: Callable[[], float]) -> Program | None:
    """Lets the next start of the house find its program.

    Args:
        places: Where the box's things lie.
        base: The version in the root.
        why: Says why the house starts; asked only where it matters.
        now: Seconds since 1970.

    Returns:
        What runs; None: the base.
    """
    book = Book(places)
    with book.alone():
        state = book.read()
        start = why() if state.candidate or state.probation else Start()
        choice = choosing.choose(state, base, start, now())
        chosen = choice.program
        if not _remembered(book, state, choice.state):
            # A start that cannot be counted would be tried for ever.
            chosen = choosing.running(state, base)
        state = choice.state
        while chosen and not is_whole(book.file(chosen), chosen):
            logs.event(_log, "program.damaged", level=logging.ERROR, version=chosen.version)
            changed = choosing.without(state, chosen, base, now())
            _remembered(book, state, changed)
            state = changed
            chosen = choosing.running(state, base)
        point(places, base, book.file(chosen) if chosen else None, chosen)
        book.sweep(state)
    logs.event(_log, "program.chosen", version=chosen.version if chosen else base.version, base=base.version)
    return chosen


def point(places: Places, base: Base, file: Path | None, program: Program | None) -> None:
    """Makes the link, or takes it away, and says to everybody what runs."""
    link = places.run / LINK
    places.run.mkdir(parents=True, exist_ok=True, mode=0o755)
    if file is None:
        link.unlink(missing_ok=True)
    else:
        durable.point(link, str(file))
    facts = {"base": vars(base), "running": program.to_json() if program else None}
    durable.write(places.run / FACTS, json.dumps(facts), mode=0o644)


def runs(places: Places) -> str:
    """The sha256 of the program that the last choice took; empty: the base."""
    try:
        running = json.loads((places.run / FACTS).read_text(encoding="utf-8"))["running"]
        return str(running["sha256"]) if running else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def is_whole(file: Path, program: Program) -> bool:
    """Whether a file is what was signed, to its last byte."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as content:
            if os.fstat(descriptor).st_size != program.size:
                return False
            return hashlib.file_digest(content, "sha256").hexdigest() == program.sha256
    except OSError:
        return False


def _remembered(book: Book, old: State, new: State) -> bool:
    if new == old:
        return True
    try:
        book.write(new)
    except OSError as failed:
        logs.event(_log, "program.not_remembered", level=logging.ERROR, why=failed)
        return False
    return True
