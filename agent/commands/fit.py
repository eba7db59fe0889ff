"""`nisse fit`: which model this box serves, how it is loaded, and why; with `--table`, what other boxes would do.

Owns: printing it.
Does not know: how it is chosen; the brain says.
"""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from agent.settings import Settings
from agent.wire.call import client

HELP = "show which model suits this box, and why"
_COLUMNS = (
    ("board", "board"),
    ("model", "model"),
    ("context", "context"),
    ("cells", "in mind"),
    ("kv_type", "kept as"),
    ("gpu_layers", "on the card"),
    ("threads", "threads"),
    ("memory", "MB"),
    ("card_memory", "card's MB"),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--table", action="store_true", help="also what other boxes would do with these settings"
    )


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Prints it. Returns 0 if a model suits this box, 3 if not."""
    with contextlib.closing(client(settings, "brain")) as brain:
        answer = brain.get("/fit", timeout=30)
        notice = brain.get("/info", timeout=30).get("notice")
    here: dict[str, Any] | None = answer["here"]
    if here is None:
        print("The brain has not looked at this box yet.")
        return 3
    print(f"{here['title']} ({here['quantisation']})")
    print("".join(f"  {sentence}\n" for sentence in here["why"]), end="")
    if notice:
        print(f"  {notice}")
    if given.table:
        _print_table([here, *answer["known"]])
    return 0 if here["fits"] else 3


def _print_table(rows: list[dict[str, Any]]) -> None:
    cells = [[title for _, title in _COLUMNS], *([str(row[key]) for key, _ in _COLUMNS] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_COLUMNS))]
    print()
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
