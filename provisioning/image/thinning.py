"""Takes out of the installed Python packages what a box does not need, and keeps their lists of files true.

Owns: what is left out.
Does not know: how packages are installed (`environment`).
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

# For those who compile against them, with the builder's own folders in them; commands with the builder's Python in their first lines.
_LEFT_OUT = ("bin", "include", "share", "llama_cpp/lib/pkgconfig", "llama_cpp/lib/cmake")
_WITHOUT_TESTS = ("numpy", "onnxruntime")


def thin_out(site_packages: Path) -> None:
    """Removes it all."""
    for name in _LEFT_OUT:
        shutil.rmtree(site_packages / name, ignore_errors=True)
    for package in _WITHOUT_TESTS:
        for tests in sorted((site_packages / package).rglob("tests")):
            shutil.rmtree(tests)
    one_copy_each(site_packages / "llama_cpp" / "lib")
    for record in sorted(site_packages.glob("*.dist-info/RECORD")):
        _forget_missing(record, site_packages)


def one_copy_each(libraries: Path) -> None:
    """A wheel holds no links, so each library is there three times; loaded by two names it would be two libraries."""
    for major in sorted(libraries.glob("lib*.so.*")):
        name, _, version = major.name.partition(".so.")
        if "." in version:
            major.unlink()
        else:
            (libraries / f"{name}.so").unlink(missing_ok=True)
            (libraries / f"{name}.so").symlink_to(major.name)


def _forget_missing(record: Path, site_packages: Path) -> None:
    with record.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row and (site_packages / row[0]).exists()]
    with record.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
