"""build/report/test-image.json: what the tests of the image measured.

Owns: the nine figures by name, further details beside them, and writing the file.
Does not know: how anything was measured.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parent.parent.parent
FILE = CHECKOUT / "build" / "report" / "test-image.json"
NAMES = (
    "boot_first_s", "boot_second_s", "mail_answered", "power_cuts", "power_cuts_unhealthy", "image_mb", "installed_mb", "idle_ram_mb",
    "idle_writes_mb_h",
)  # fmt: skip


class Report:
    """The figures of a run; what an earlier run found stays until it is measured again."""

    def __init__(self, file: Path = FILE) -> None:
        """Reads what was found before."""
        self._file = file
        found = json.loads(file.read_text()) if file.is_file() else {}
        self._figures: dict[str, Any] = {name: found.get(name) for name in NAMES}
        self._details: dict[str, Any] = found.get("details", {})

    def figure(self, name: str, value: float | bool) -> None:
        """One of the nine."""
        if name not in NAMES:
            raise KeyError(name)
        self._figures[name] = round(value, 1) if isinstance(value, float) else value
        self._write()

    def detail(self, name: str, value: Any) -> None:
        """Anything else that is worth knowing."""
        self._details[name] = value
        self._write()

    def _write(self) -> None:
        self._details["measured"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps({**self._figures, "details": self._details}, indent=2) + "\n")
        fresh.replace(self._file)
