"""build/report/test-image.json: what the tests of the image measured.

Owns: the nine figures by name with their goals, further details beside them, keeping both from test to test, and which tests failed.
Does not know: how anything was measured.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import parse

from tests.measured import REPORTS, Check, measured, write

TARGET = "test-image"
CHECKOUT = Path(__file__).parent.parent.parent
GOALS = {
    # name: (unit, goal); the two starts are for an emulated processor
    "boot_first_s": ("s", "<= 60"),
    "boot_second_s": ("s", "<= 35"),
    "mail_answered": ("", ">= 1"),
    "power_cuts": ("", ">= 1"),
    "power_cuts_unhealthy": ("", "<= 0"),
    "image_mb": ("MB", ""),
    "installed_mb": ("MB", ""),
    "idle_ram_mb": ("MB", "<= 180"),
    "idle_writes_mb_h": ("MB/h", "<= 2"),
}
_NOTES = REPORTS / "test-image.notes.json"
_OUTCOMES = REPORTS / "test-image.xml"  # pytest's --junitxml


class Report:
    """The figures of a run; what an earlier run found stays until it is measured again."""

    def __init__(self, notes: Path = _NOTES) -> None:
        """Reads what was found before.

        Args:
            notes: Where figures and details are kept between the tests.
        """
        self._notes = notes
        found = json.loads(notes.read_text(encoding="utf-8")) if notes.is_file() else {}
        self._figures: dict[str, float] = found.get("figures", {})
        self._details: dict[str, Any] = found.get("details", {})

    def figure(self, name: str, value: float | bool) -> None:
        """One of the nine."""
        if name not in GOALS:
            raise KeyError(name)
        self._figures[name] = round(value, 1) if isinstance(value, float) else int(value)
        self._keep()

    def detail(self, name: str, value: Any) -> None:
        """Anything else that is worth knowing."""
        self._details[name] = value
        self._keep()

    def checks(self) -> list[Check]:
        """All nine; those that no test has measured have no value."""
        return [
            Check(name=name, value=self._figures.get(name), unit=unit, goal=goal)
            for name, (unit, goal) in GOALS.items()
        ]

    @property
    def details(self) -> dict[str, Any]:
        """All of them, by name."""
        return dict(self._details)

    def _keep(self) -> None:
        self._details["measured"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._notes.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._notes.with_suffix(".new")
        fresh.write_text(json.dumps({"figures": self._figures, "details": self._details}), encoding="utf-8")
        fresh.replace(self._notes)


def failed_tests(outcomes: Path = _OUTCOMES) -> list[str]:
    """The tests that failed in the last run, as `package.module::test`.

    Args:
        outcomes: What pytest wrote of it.

    Raises:
        FileNotFoundError: It wrote nothing.
    """
    cases = parse(outcomes).iter("testcase")
    return [
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]


def main(demanded: list[str]) -> int:
    """Prints the table and writes the report.

    Args:
        demanded: Names that must hold, and then no test may have failed; where there are none, it is enough that all nine could be
            measured.

    Returns:
        0 if that is so.
    """
    report = Report()
    found = report.checks()
    write(TARGET, found, details=report.details)
    if not demanded:
        return measured(found)
    broken = [check.name for check in found if check.name in demanded and not check.holds] + failed_tests()
    if broken:
        sys.stdout.write(f"These must hold and do not: {', '.join(broken)}.\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
