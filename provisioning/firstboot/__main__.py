"""`python -m provisioning.firstboot box|start|show`, as systemd's units call it.

Owns: the three words.
Does not know: what they do (`preparing`, `starting`, `console`).
"""

from __future__ import annotations

import sys

from agent import logs
from agent.errors import NisseError
from provisioning.box.places import Places
from provisioning.box.running import run


def main(words: list[str]) -> int:
    """Does what one word asks for. Returns the exit status."""
    logs.configure("firstboot")
    places = Places()
    try:
        return _do(words[0] if words else "", places)
    except (NisseError, OSError, ValueError) as failed:
        (places.run / "trouble").parent.mkdir(parents=True, exist_ok=True)
        (places.run / "trouble").write_text(f"{failed}\n", encoding="utf-8")  # for the recovery page
        print(f"\nNisse cannot start: {failed}\n", flush=True)
        return 1


def _do(word: str, places: Places) -> int:
    # Each word loads what it needs: everything else waits for the first of them.
    if word in ("box", "start"):
        from provisioning.firstboot.starting import start  # noqa: PLC0415

        if word == "box":  # somebody else's system has its disks mounted already
            from provisioning.firstboot.preparing import prepare  # noqa: PLC0415

            prepare(places, run, lambda sentence: print(sentence, flush=True))
        if not places.is_recovery:
            start(places, run)
    elif word == "show":
        from provisioning.firstboot.console import show  # noqa: PLC0415

        show(places)
    else:
        print("usage: python -m provisioning.firstboot box|start|show")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
