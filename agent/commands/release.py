"""`nisse release`: makes and keeps the repository from which boxes take their models.

Owns: nothing but the command's name; `provisioning.release` does the rest.
Does not know: what a repository is.
"""

from __future__ import annotations

import argparse
import importlib

from agent.settings import Settings

HELP = "make and keep a repository of models (for who runs an update server)"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    importlib.import_module("provisioning.release.command").arguments(parser)


def run(_settings: Settings, given: argparse.Namespace) -> int:
    """Does what was asked, and returns the exit status."""
    return int(importlib.import_module("provisioning.release.command").run(given))
