"""`nisse run`: the whole house on this desk, until Ctrl-C.

Owns: nothing but the command's name; `provisioning.desk` does the rest.
Does not know: which processes there are.
"""

from __future__ import annotations

import argparse
import importlib

from agent.settings import Settings

HELP = "start the whole house on this desk"


def arguments(_parser: argparse.ArgumentParser) -> None:
    """The command takes nothing."""


def run(settings: Settings, _given: argparse.Namespace) -> int:
    """Starts everything, says how to reach it, and stops everything at Ctrl-C."""
    return int(importlib.import_module("provisioning.desk").run(settings))
