"""`nisse settings`: every setting there is, as a sample file.

Owns: printing the table.
Does not know: what any setting does.
"""

from __future__ import annotations

import argparse

from agent import settings as settings_table
from agent.settings import Settings

HELP = "print every setting with its help, as a sample nisse.toml"


def arguments(_parser: argparse.ArgumentParser) -> None:
    """The command takes nothing."""


def run(_settings: Settings, _given: argparse.Namespace) -> int:
    """Prints the sample."""
    print(settings_table.sample(), end="")
    return 0
