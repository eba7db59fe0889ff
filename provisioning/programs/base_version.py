"""The version of Nisse in the system's root.

Owns: reading it.
Does not know: programs.
"""

from __future__ import annotations

import sys
import tomllib

from agent.errors import UnavailableError
from provisioning.box.places import Places
from provisioning.programs.choosing import Base


def read(places: Places) -> Base:
    """What the image says of itself.

    Raises:
        UnavailableError: It says nothing: this is no box.
    """
    try:
        facts = tomllib.loads(places.image.read_text(encoding="utf-8"))
        version, architecture = str(facts["version"]), str(facts["architecture"])
    except (OSError, ValueError, KeyError) as missing:
        raise UnavailableError(
            "This Nisse is not a box's, so its version is not updated by itself.",
            hint="Update the checkout from which it runs.",
        ) from missing
    return Base(
        version=version,
        architecture=architecture,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
    )
