"""What a target that measures has found: figures with their goals, as a table and as `build/report/TARGET.json`.

Owns: the form of the report, and whether a goal is reached.
Does not know: how anything was measured.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPORTS = Path(__file__).parents[1] / "build" / "report"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One figure."""

    name: str
    value: float | None  # None: it could not be measured
    unit: str = ""
    goal: str = ""  # such as `<= 0`; empty: it is only told

    @property
    def holds(self) -> bool:
        """Whether the goal is reached."""
        return self.value is not None and holds(self.value, self.goal)

    def to_json(self) -> dict[str, Any]:
        """As the report has it."""
        value = round(self.value, 4) if isinstance(self.value, float) else self.value
        return {"name": self.name, "value": value, "unit": self.unit, "goal": self.goal, "holds": self.holds}

    def __str__(self) -> str:
        """A line of the table."""
        mark = "" if not self.goal else "holds" if self.holds else "FAILS"
        value = "not measured" if self.value is None else f"{round(self.value, 4):,} {self.unit}".strip()
        return f"{mark:7}{self.name:32}{value:>22}  {f'goal {self.goal}' if self.goal else ''}".rstrip()


def holds(value: float, goal: str) -> bool:
    """Whether a value reaches a goal such as `>= 0.97`; no goal is always reached."""
    if not goal:
        return True
    word, limit = goal.split()
    return value >= float(limit) if word == ">=" else value <= float(limit)


def write(target: str, checks: Sequence[Check], **more: Any) -> None:
    """Prints the table and writes the report.

    Args:
        target: Of the Makefile; the report bears its name.
        checks: The figures.
        more: Whatever else is worth keeping, by name.
    """
    REPORTS.mkdir(parents=True, exist_ok=True)
    content = {"checks": [check.to_json() for check in checks], **more}
    fresh = REPORTS / f".{target}.new"
    fresh.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    fresh.replace(REPORTS / f"{target}.json")
    sys.stdout.write("\n".join(["", *map(str, checks), f"build/report/{target}.json has more.", ""]))


def measured(checks: Sequence[Check]) -> int:
    """The exit status: 0 if every figure could be measured, whatever it is."""
    return 0 if checks and all(check.value is not None for check in checks) else 1
