"""`nisse ask`: one question from the terminal.

Owns: the words after `ask`.
Does not know: how the console channel talks to the house.
"""

from __future__ import annotations

import argparse

from agent import registry
from agent.settings import Settings

HELP = "ask one question and print the answer"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("question", nargs="+", help="the question")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Asks, and prints the answer as it comes."""
    return int(registry.load("agent.channels", "console").Channel(settings).ask(" ".join(given.question)))
