"""`python -m provisioning.privileged`: does what portal and updates ask of root, until nobody has asked for a while.

Owns: putting the parts together.
Does not know: any verb.
"""

from __future__ import annotations

import os
import sys

from agent import logs
from agent.errors import NisseError
from provisioning.box.places import Places
from provisioning.box.running import run
from provisioning.privileged import listening, verbs


def main() -> int:
    """Serves. Returns the exit status."""
    logs.configure("privileged")
    background = verbs.Background()
    box = verbs.Box(places=Places(), run=run, background=background)
    try:
        listener = listening.given_socket(dict(os.environ), os.getpid())
    except NisseError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 1
    with listener:
        listening.serve(
            listener,
            lambda asked, user: verbs.answer(box, asked, user),
            listening.allowed_users(),
            busy=lambda: background.is_busy,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
