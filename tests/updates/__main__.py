"""`make test-updates`: what an update survives, with a report in `build/report/test-updates.json`.

    python -m tests.updates [--quick] [--only PART,...]

Owns: the order of the parts, the command line, the table and the report.
Does not know: how a part measures. Each is a module beside this one with `measure(folder, *, quick) -> list[Check]`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests import measured as reports
from tests.measured import Check, measured, write
from tests.updates import survival

# Each part, and the figures that the report must have of it whether it can be measured or not.
PARTS: dict[str, tuple[str, ...]] = {
    "hostile": ("hostile_cases", "hostile_accepted"),
    "resuming": ("resume_overhead", "delta_fraction"),
    "crowding": ("disk_full_stages", "disk_full_harmed"),
    "tearing": ("torn_files", "torn_files_wrong"),
    "killing": ("kill_points", "kill_points_not_serving"),
    "killing_programs": ("program_kill_points", "program_kill_points_wrong"),
    "trying": ("bad_candidates", "bad_candidates_serving"),
    "whole_way": ("messages_answered", "messages_lost"),
}
# It cannot be had for less: two models load, and answer mails for ten minutes.
_LEFT_OUT_OF_QUICK = frozenset({"whole_way"})


def main() -> int:
    """Runs the parts; 0 if every one could be measured, whatever its figures."""
    parser = argparse.ArgumentParser(prog="make test-updates")
    parser.add_argument(
        "--quick", action="store_true", help="fewer points, smaller files, without the whole way"
    )
    parser.add_argument("--only", default="", help=f"some parts of {','.join(PARTS)}")
    given = parser.parse_args()
    wanted = [part for part in given.only.split(",") if part] or _usual(quick=given.quick)
    unknown = sorted(set(wanted) - set(PARTS))
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}")
    parts = _kept(quick=given.quick)
    for part in wanted:
        sys.stdout.write(f"{part} ...\n")
        sys.stdout.flush()
        parts[part] = _taken(part, quick=given.quick)
    checks = [Check(**figure) for part in PARTS if part in parts for figure in parts[part]["figures"]]
    table = list(survival.lines(checks))
    earlier = [f"{part}: of {row['at']}" for part, row in parts.items() if part not in wanted]
    sys.stdout.write("\n".join(["", *table, "", *earlier, ""]))
    write("test-updates", checks, quick=given.quick, parts=parts, survival=survival.rows(checks))
    return measured(checks)


def _usual(*, quick: bool) -> list[str]:
    """The parts of such a run, in order."""
    return [part for part in PARTS if not (quick and part in _LEFT_OUT_OF_QUICK)]


def _kept(*, quick: bool) -> dict[str, dict[str, Any]]:
    """What earlier runs of the same kind found, by part: whoever repeats one part keeps the others' figures."""
    try:
        found = json.loads((reports.REPORTS / "test-updates.json").read_text(encoding="utf-8"))
        parts = found["parts"] if found["quick"] is quick else {}
        return {part: dict(row) for part, row in parts.items() if part in _usual(quick=quick)}
    except (OSError, ValueError, KeyError, AttributeError):
        return {}


def _taken(part: str, *, quick: bool) -> dict[str, Any]:
    """One part's figures, and when they were taken."""
    began = time.monotonic()
    checks = _measured(part, quick=quick)
    figures = [{"name": one.name, "value": one.value, "unit": one.unit, "goal": one.goal} for one in checks]
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"at": at, "seconds": round(time.monotonic() - began), "figures": figures}


def _measured(part: str, *, quick: bool) -> Sequence[Check]:
    """One part's figures; those that must be there and could not be measured stand there without a value."""
    try:
        module = importlib.import_module(f"tests.updates.{part}")
        with tempfile.TemporaryDirectory(prefix=f"nisse-{part}-") as folder:
            found: list[Check] = module.measure(Path(folder), quick=quick)
    except Exception:  # noqa: BLE001 - a part that breaks must not cost the others
        traceback.print_exc(file=sys.stdout)
        found = []
    names = {check.name for check in found}
    return [*found, *(Check(name=name, value=None) for name in PARTS[part] if name not in names)]


if __name__ == "__main__":
    sys.exit(main())
