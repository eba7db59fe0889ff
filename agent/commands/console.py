"""`nisse console`: a conversation in the terminal.

Owns: nothing but the command's name; the channel does the rest.
Does not know: how the console channel talks to the house.
"""

from __future__ import annotations

import argparse

from agent import registry
from agent.settings import Settings

HELP = "talk with the house in this terminal"


def arguments(_parser: argparse.ArgumentParser) -> None:
    """The command takes nothing."""


def run(settings: Settings, _given: argparse.Namespace) -> int:
    """Reads lines until the end of input."""
    registry.load("agent.channels", "console").Channel(settings).run()
    return 0
