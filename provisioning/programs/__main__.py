"""`python -m provisioning.programs choose|try`: what the units of the box run, from the system's own root.

Owns: the command line, and that a choice which fails leaves the base.
Does not know: how it is chosen or tried.
"""

from __future__ import annotations

import logging
import os
import sys
import time

from agent import logs
from agent.errors import NisseError
from provisioning.box.places import Places
from provisioning.box.running import run
from provisioning.programs import base_version, starting
from provisioning.programs.choosing import Start
from provisioning.programs.house import House

_log = logging.getLogger(__name__)


def main(words: list[str]) -> int:
    """Returns the exit status."""
    logs.configure("programs")
    places = Places()
    try:
        base = base_version.read(places)
        house = House(places, run)
        if words == ["choose"]:
            starting.choose(places, base, lambda: _why(house), time.time)
        elif words == ["try"]:
            from provisioning.programs.trying import Trial  # noqa: PLC0415 - a choice is made at each start

            if Trial(places, base, house).run():
                # A day of probation in a fresh process, which has nothing loaded that only the questions need.
                os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - this very command
        else:
            sys.stderr.write("choose or try\n")
            return 2
    except (NisseError, OSError) as failed:
        logs.event(_log, "programs.failed", level=logging.ERROR, doing=" ".join(words), why=failed)
        return 1
    return 0


def _why(house: House) -> Start:
    try:
        return house.service().start
    except NisseError:
        return Start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
