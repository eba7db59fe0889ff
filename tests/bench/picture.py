"""Draws the report of `make bench`: for each measure a bar for each system.

    python picture.py BENCH.JSON PICTURE...

Owns: the drawing. Does not know: how anything was measured. Runs in build/bench/venv, where matplotlib is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

COLOURS = {
    "nisse": "#b3261e",
    "llama-server": "#33658a",
    "examples/server": "#6a8caf",
    "llama_cpp.server": "#9fb8ce",
    "raw loop": "#8a8a8a",
}
_COLUMNS = 3


def draw(report: dict[str, Any], paths: list[Path]) -> None:
    """One small chart a measure."""
    rows = report["table"]
    lines = (len(rows) + _COLUMNS - 1) // _COLUMNS or 1
    figure = Figure(figsize=(5 * _COLUMNS, 2.4 * lines + 0.6))
    charts = figure.subplots(lines, _COLUMNS, squeeze=False)
    for chart in charts.flat:
        chart.set_visible(False)
    for chart, row in zip(charts.flat, rows, strict=False):
        _chart(chart, row)
    quiet = "" if report["quiet"] else " - others used the machine"
    box = report["box"]
    figure.suptitle(
        f"Nisse's brain beside its peers: {report['model']}, {box['threads']} threads, {box['processor']}, "
        f"{report['when'][:10]}{quiet}",
        fontsize=10,
    )
    figure.tight_layout()
    mpl.rcParams["svg.fonttype"] = "none"  # letters as letters
    for path in paths:
        figure.savefig(path, dpi=120)


def _chart(chart: Any, row: dict[str, Any]) -> None:
    chart.set_visible(True)
    systems = row["systems"]
    names = list(systems)[::-1]
    values = [systems[name]["value"] for name in names]
    spreads = [
        [max(0.0, value - systems[name]["spread"][0]) for name, value in zip(names, values, strict=True)],
        [max(0.0, systems[name]["spread"][1] - value) for name, value in zip(names, values, strict=True)],
    ]
    bars = chart.barh(
        names, values, xerr=spreads, color=[COLOURS.get(name, "#888888") for name in names], ecolor="#444444"
    )
    chart.bar_label(bars, [f"{value:.4g}" for value in values], padding=4, fontsize=8)
    chart.margins(x=0.15)
    chart.set_title(f"{row['title']}{', ' + row['unit'] if row['unit'] else ''}", fontsize=9)
    chart.tick_params(labelsize=8)
    chart.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), [Path(name) for name in sys.argv[2:]])
