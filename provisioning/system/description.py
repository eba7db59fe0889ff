"""What a bundle is by its publisher's word: RAUC verifies the signature, and says for which board it is and which version.

Owns: the question to RAUC, and why a bundle is refused, in a sentence each.
Does not know: where bundles lie, nor how they are installed.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import logs
from agent.errors import RequestError, UnavailableError
from provisioning.box.places import Places
from provisioning.box.running import Run
from provisioning.programs.state import older

_log = logging.getLogger(__name__)
_SECONDS = 30.0  # the portal waits no longer than twice that
_VERSION = re.compile(r"\d{1,9}(\.\d{1,9}){0,3}")


class UnfitError(RequestError):
    """This bundle is not for this box, now; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """One bundle that somebody signed whom this box believes."""

    compatible: str
    version: str


def read(places: Places, run: Run, path: Path) -> Description:
    """Verifies who signed a bundle, and reads what it says of itself.

    Args:
        places: Where the box's things lie.
        run: Runs RAUC.
        path: The bundle.

    Raises:
        UnfitError: A stranger signed it, or it is no bundle.
    """
    keyring = f"--keyring={places.rauc_keyring}"
    try:
        said = run("rauc", "info", "--output-format=json", keyring, str(path), seconds=_SECONDS)
    except UnavailableError as failed:
        logs.event(_log, "bundle.refused", level=logging.WARNING, file=path.name, why=failed)
        raise refusal(str(failed)) from failed
    try:
        facts: Any = json.loads(said)
        compatible, version = facts["compatible"], facts["version"]
    except (ValueError, KeyError, TypeError) as wrong:
        raise UnfitError("This file cannot be read as an update of the system.") from wrong
    if not isinstance(version, str) or not _VERSION.fullmatch(version) or not isinstance(compatible, str):
        raise UnfitError("This update does not say which version it is.")
    return Description(compatible=compatible, version=version)


def demand_fitting(what: Description, *, board: str, running: str) -> None:
    """Looks whether a box may take it.

    Args:
        what: The bundle.
        board: The box's.
        running: The version of the system that runs.

    Raises:
        UnfitError: It may not.
    """
    if what.compatible != f"nisse-{board}":
        raise UnfitError(f"It is for another kind of box, not for {board}.")
    if older(what.version, running):
        raise UnfitError(f"It is older than {running}, which runs: the system takes no step back.")
    if not older(running, what.version):
        raise UnfitError("This version runs already.")


def refusal(said: str) -> UnfitError:
    """In our words, why RAUC takes a file for no bundle of this box's publishers.

    Args:
        said: In RAUC's words.
    """
    if "signature verification" in said.lower():
        return UnfitError("It was not signed by the publishers of this box's system.")
    return UnfitError(
        "This file is damaged, or no update of the system.", hint="Copy it onto the stick anew."
    )
