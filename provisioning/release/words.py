"""The words that several commands of `nisse release` share: repository, keys, passphrases and roll-out on the command line.

Owns: these arguments, and making of them what the commands work with.
Does not know: any command.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.errors import NotFoundError, SettingsError
from provisioning.release import keys
from provisioning.release.repository import Repository
from provisioning.updates.release import read_time

Do = Callable[[argparse.Namespace], int]


def command(
    commands: Any, name: str, what: str, do: Do, *, signs: bool = True, repository: bool = True
) -> argparse.ArgumentParser:
    """A command with the arguments that most have."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what)
    parser.set_defaults(do=do)
    if repository:
        parser.add_argument("repository", type=Path, metavar="REPO", help="the folder that is served")
    if signs:
        parser.add_argument(
            "--keys",
            type=Path,
            action="append",
            default=[],
            metavar="FOLDER",
            help="where private keys lie; can be given more than once",
        )
    if signs or not repository:
        parser.add_argument(
            "--passphrase-file", type=Path, metavar="FILE", help="one passphrase for all keys"
        )
    return parser


def rollout_arguments(parser: argparse.ArgumentParser) -> None:
    """Which boxes, and when."""
    parser.add_argument("--percent", type=int, help="of the boxes that may take it")
    parser.add_argument(
        "--from", dest="not_before", type=moment, metavar="DATE", help="not before; 2026-12-01, UTC"
    )
    parser.add_argument("--until", dest="not_after", type=moment, metavar="DATE", help="not later than")
    parser.add_argument(
        "--critical",
        action=argparse.BooleanOptionalAction,
        help="boxes do not wait a day (owners still decide)",
    )


def repository_of(given: argparse.Namespace) -> Repository:
    """The repository that was named."""
    return Repository(given.repository)


def ring(given: argparse.Namespace) -> keys.KeyRing:
    """The private keys at hand."""
    for folder in given.keys:
        if not folder.is_dir():
            raise NotFoundError(f"There is no folder {folder} with keys.", hint="Is the stick plugged in?")
    return keys.KeyRing(given.keys, keys.asker(given.passphrase_file))


def rollout(given: argparse.Namespace) -> dict[str, Any]:
    """What was said of the roll-out."""
    names = ("percent", "not_before", "not_after", "critical")
    return {name: getattr(given, name) for name in names if getattr(given, name) is not None}


def moment(text: str) -> datetime:
    """A day, or a moment, in UTC."""
    try:
        return read_time(text if "T" in text else f"{text}T00:00:00Z")
    except SettingsError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from wrong
