"""`make test-brain-soak`: the long form, with a report in `build/report/test-brain-soak.json`.

    python -m tests.brain.soaking [--requests N] [--seed N]

Owns: the command line and the report. Does not know: the test itself (`soak`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from agent.models.fetch import fetch_named
from tests.brain.soaking.soak import AT_ONCE, Soak
from tests.conftest import CHAT_MODEL, MODELS_FOLDER
from tests.measured import measured, write

_WARM_UP = 100
_QUESTIONS = 24


def main() -> int:
    """Runs it; 0 if it could be measured."""
    parser = argparse.ArgumentParser(prog="make test-brain-soak")
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    fetch_named(CHAT_MODEL, MODELS_FOLDER)
    with tempfile.TemporaryDirectory(prefix="nisse-soak-") as home:
        sys.stdout.write("A fresh brain says what is right ...\n")
        soak = Soak(Path(home), questions=_QUESTIONS, seed=given.seed)
        sys.stdout.write(f"{_WARM_UP} requests to warm up, then {given.requests}, {AT_ONCE} at once ...\n")
        result = soak.run(warm_up=_WARM_UP, requests=given.requests)
    checks = result.checks()
    write(
        "test-brain-soak",
        checks,
        model=CHAT_MODEL,
        seed=given.seed,
        requests=result.requests,
        kinds=dict(sorted(result.kinds.items())),
        statuses=dict(sorted(result.statuses.items())),
        compared=result.compared,
        compared_exactly=result.sure,
        parted_at_a_near_tie=sorted(result.parted),
        before=vars(result.before),
        after=vars(result.after),
        faults=result.faults[:100],
        seconds=round(result.seconds),
    )
    for kind, said in result.faults[:20]:
        sys.stdout.write(f"  {kind}: {said[:300]}\n")
    sys.stdout.write(
        f"{result.requests} requests in {result.seconds:.0f} s; {result.compared} answers compared, {result.sure} of them to the "
        f"letter; {len(result.parted)} parted at a near tie (largest gap {max(result.parted, default=0)})\n"
    )
    return measured(checks)


if __name__ == "__main__":
    sys.exit(main())
