"""What an update survives, here and in five projects that update models or systems.

Owns: the table. Ours are figures of this very run; what the others do was read in their sources in November 2026, as named below.
Does not know: how anything of ours was measured.

Ollama: server/download.go, server/images.go. GPT4All: gpt4all.py, its Qt downloader. HAOS: supervisor/os/manager.py, supervisor/core.py,
homeassistant/core.py, ota/rauc-hook. umbrelOS: modules/system/update.ts, index.ts. RAUC 1.13: docs/advanced.rst, docs/checklist.rst,
src/artifacts.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

from tests.measured import Check

OTHERS = ("Ollama", "GPT4All", "HAOS", "umbrelOS", "RAUC")

# What happens; which of our figures tell of it; and what each of the others does then.
ROWS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "killed or without power at any point",
        ("kill_points", "kill_points_not_serving"),
        (
            "no fsync; a file of the right name counts as checked",
            "part file; MD5 at the end, or nothing",
            "other slot; download from the start",
            "other slot",
            "other slot; artifacts by fsync and rename",
        ),
    ),
    (
        "its own state files torn",
        ("torn_files", "torn_files_wrong"),
        (
            "manifest written in place",
            "not looked at",
            "a hook makes grubenv anew",
            "not looked at",
            "not looked at",
        ),
    ),
    (
        "a lying server: forged, old, frozen, endless, slow",
        ("hostile_cases", "hostile_accepted"),
        (
            "no signature",
            "MD5, or nothing",
            "bundle signed, list of versions not",
            "trusts TLS; runs the script as root",
            "signed; age is a listed gap",
        ),
    ),
    (
        "50 cuts in one download: bytes fetched",
        ("resume_overhead",),
        ("goes on by ranges", "goes on by ranges", "from the start", "not looked at", "no resume"),
    ),
    (
        "a small change: share fetched",
        ("delta_fraction",),
        ("whole file", "whole file", "whole bundle", "static deltas", "about 10 % for one package"),
    ),
    (
        "no room on the disk",
        ("disk_full_stages", "disk_full_harmed"),
        (
            "not asked beforehand",
            "not looked at",
            "not asked beforehand",
            "not looked at",
            "left to the integrator",
        ),
    ),
    (
        "a new one that crashes, rambles, leaks or is slow",
        ("bad_candidates", "bad_candidates_serving"),
        (
            "no trial; the old layers are pruned",
            "no trial",
            "marked healthy before its core runs",
            "kept once it started",
            "left to the integrator",
        ),
    ),
)
_FIRST, _WIDTH = 26, 19


def rows(checks: Sequence[Check]) -> list[dict[str, str]]:
    """The table with our figures.

    Args:
        checks: What this run measured.
    """
    found = {check.name: check for check in checks}
    return [
        {"what": what, "Nisse": _ours(names, found), **dict(zip(OTHERS, others, strict=True))}
        for what, names, others in ROWS
    ]


def lines(checks: Sequence[Check]) -> Iterator[str]:
    """The table as text."""
    titles = ("Nisse", *OTHERS)
    yield from _line("", titles)
    for row in rows(checks):
        yield "-" * (_FIRST + 2 + (_WIDTH + 2) * len(titles))
        yield from _line(row["what"], [row[title] for title in titles])


def _ours(names: Sequence[str], found: Mapping[str, Check]) -> str:
    told = [found[name] for name in names if name in found and found[name].value is not None]
    if len(told) < len(names):
        return "not measured"
    return ", ".join(f"{check.name.replace('_', ' ')} {round(check.value or 0, 4):,}" for check in told)


def _line(first: str, others: Sequence[str]) -> Iterator[str]:
    cells = [wrap(first, _FIRST) or [""], *(wrap(cell, _WIDTH) or [""] for cell in others)]
    for number in range(max(map(len, cells))):
        parts = [cell[number] if number < len(cell) else "" for cell in cells]
        widths = (_FIRST, *[_WIDTH] * len(others))
        yield "  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()
