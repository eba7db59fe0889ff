"""`python -m provisioning.jetson`: makes the bundle for a board whose system is not ours, or says how it would.

Owns: the command line.
Does not know: what is in the bundle.
"""

from __future__ import annotations

import argparse
import os
import sys
import tomllib
from pathlib import Path

from agent.errors import NisseError, SettingsError
from provisioning.image import board as boards
from provisioning.image.carrying_out import carry_out
from provisioning.image.environment import own_files
from provisioning.image.epoch import moment
from provisioning.jetson.making import Bundle, steps

_CHECKOUT = Path(__file__).parents[2]


def main(words: list[str]) -> int:
    """Makes the bundle, or prints the plan. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="provisioning.jetson", description="Makes an installer bundle.")
    parser.add_argument("--board", default="jetson", help="a board whose system is not ours (%(default)s)")
    parser.add_argument("--plan", action="store_true", help="print every step and do none")
    arguments = parser.parse_args(words)
    os.chdir(_CHECKOUT)
    try:
        bundle = _bundle(arguments.board)
        if arguments.plan:
            print("\n".join(line for step in steps(bundle) for line in step.lines()))
            return 0
        seconds = carry_out(steps(bundle), bundle.out, fresh=(), say=lambda line: print(line, flush=True))
    except NisseError as wrong:
        print(f"{wrong.message}\n{wrong.hint}".strip(), file=sys.stderr)
        return 1
    print(f"Done in {sum(seconds.values()):.0f} s: {bundle.file}, {bundle.file.stat().st_size // 10**6} MB")
    return 0


def _bundle(name: str) -> Bundle:
    board = boards.load(name)
    if not board.base:
        raise SettingsError(f"{board.title} takes an image, not a bundle.", hint=f"make image BOARD={name}")
    locks = _CHECKOUT / "provisioning" / "lock"
    project = tomllib.loads((_CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return Bundle(
        checkout=Path(),  # short names in the plan and in the log
        board=name,
        version=project["version"],
        epoch=moment(_CHECKOUT),
        python=sys.executable,
        run_lock=(locks / "run.txt").read_text(encoding="utf-8"),
        build_lock=(locks / "build.txt").read_text(encoding="utf-8"),
        own_files=tuple(own_files(_CHECKOUT)),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
