"""`python -m provisioning.supervision`, as systemd's unit and the desk call it.

Owns: the order of two things.
Does not know: what is loaded, nor what runs (`branching`).
"""

import gc
import sys


def main(words: list[str]) -> None:
    """Runs the house until it is told to end."""
    gc.disable()  # hardly anything that loading makes is ever thrown away: to look for it time and again takes a tenth of the start
    from provisioning.supervision.branching import run  # noqa: PLC0415

    run(words)


if __name__ == "__main__":
    main(sys.argv[1:])
