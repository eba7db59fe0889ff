"""The moment that everything built from a checkout is dated with.

Owns: where it comes from: SOURCE_DATE_EPOCH (reproducible-builds.org), else the last commit.
Does not know: what is built.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from agent.errors import SettingsError


def moment(checkout: Path) -> int:
    """Seconds since 1970.

    Args:
        checkout: The project's folder.

    Raises:
        SettingsError: Neither is known.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        command = ("git", "-C", str(checkout), "log", "-1", "--format=%ct")
        given = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    if not given.isdigit():
        raise SettingsError(
            "The moment of this build is unknown.", hint="Set SOURCE_DATE_EPOCH to seconds since 1970."
        )
    return int(given)
