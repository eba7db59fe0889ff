"""`nisse search`: what the house knows about some words.

Owns: printing passages.
Does not know: how they are found.
"""

from __future__ import annotations

import argparse

from agent.message import Passage
from agent.settings import Settings
from agent.wire.call import client

HELP = "show what the house's documents say about something"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("words", nargs="+", help="what to look for")
    parser.add_argument("--limit", type=int, default=5, help="how many passages (default 5)")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Prints the passages of the house's shared documents, best first. Returns 1 if there are none."""
    body = {"query": " ".join(given.words), "person": "house", "limit": given.limit}
    passages = [
        Passage.from_json(row) for row in client(settings, "recall").post("/search", body)["passages"]
    ]
    for passage in passages:
        page = f", page {passage.page}" if passage.page else ""
        print(f"{passage.document}{page}  [{passage.start}-{passage.end}]\n{passage.text.strip()}\n")
    if not passages:
        print("Nothing.")
    return 0 if passages else 1
