"""Is the house well, through and through? What a slot on trial must answer beside its portal.

Owns: the questions - are the databases sound, does the brain answer.
Does not know: slots, nor what follows from the answers. A slot that was good before loads none of this.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from agent.errors import NisseError
from agent.settings import Settings
from agent.store import load_vectors
from agent.wire.call import client
from provisioning.slots.health import Finding

_BRAIN_S = 300.0  # the first answer of a small box under load
_QUESTION = "Say yes."
_ONE_WORD = 2  # tokens


def databases(home: Path) -> Finding:
    """Whether SQLite finds every database of the house sound."""
    files = sorted(home.glob("*.db"))
    for file in files:
        try:
            with _opened(file) as database:
                verdict = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
        except sqlite3.Error as failed:
            verdict = str(failed)
        if verdict != "ok":
            return Finding(about="databases", is_well=False, words=f"{file.name}: {verdict}")
    return Finding(about="databases", is_well=True, words=f"{len(files)} are sound")


def brain(settings: Settings, seconds: float = _BRAIN_S) -> Finding:
    """Whether the brain answers, or says that there is no model for it to answer with.

    Args:
        settings: Where it is asked.
        seconds: How long it may be silent.
    """
    asked = client(settings, "brain", read_timeout=max(1.0, min(seconds, _BRAIN_S)))
    try:
        facts = asked.get("/info")
        if not facts.get("ready"):
            return Finding(about="brain", is_well=_has_none(facts), words=str(facts.get("state", "")))
        question = {"messages": [{"role": "user", "content": _QUESTION}], "max_tokens": _ONE_WORD}
        answer = asked.post("/v1/chat/completions", question)
        is_well = bool(answer["choices"])
    except (NisseError, KeyError, TypeError, ValueError) as failed:
        return Finding(about="brain", is_well=False, words=str(failed))
    finally:
        asked.close()
    return Finding(about="brain", is_well=is_well, words=f"{facts.get('model')} answers")


def _has_none(facts: dict[str, object]) -> bool:
    wanted = facts.get("wanted")
    is_there = isinstance(wanted, dict) and wanted.get("installed")
    return not facts.get("loading") and not is_there


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
    try:
        load_vectors(connection)  # its tables are checked by it
        yield connection
    finally:
        connection.close()
