"""`make bench`: the brain beside its peers, in one interleaved run.

    python -m tests.bench [--rounds FACTOR] [--only NAME,NAME] [--threads N]

Owns: the order of the measurements, `build/report/bench.json`, the table on the screen, and the call for the picture.
Does not know: how anything is measured (`measures`, `crowd`) or added up (`figures`).
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests.bench import crowd, figures, measures
from tests.bench.peers import CHECKOUT, MODEL, OURS, PLACE, Box
from tests.bench.stage import Stage
from tests.bench.watch import pressure

MEASUREMENTS = {
    "generation": measures.generation,
    "prefill": measures.prefill,
    "four": measures.four,
    "eight": measures.eight,
    "second_turn": measures.second_turn,
    "interactive": crowd.interactive,
    "busy": crowd.busy,
    "memory": measures.memory,
}
REPORT = CHECKOUT / "build" / "report"
_DISTURBED = 0.1  # of all samples


def main() -> int:
    """Measures and reports; 0 if all that was asked for could be measured, whatever came out."""
    given = _arguments()
    cores = psutil.cpu_count(logical=False) or 1
    box = Box(threads=given.threads or cores)
    began, waited = time.monotonic(), pressure()
    stage = Stage(box, given.rounds)
    try:
        for name in given.only:
            MEASUREMENTS[name](stage)
    except KeyboardInterrupt:
        stage.book.problems.append("the run was broken off")
    finally:
        stage.close()
    seconds = time.monotonic() - began
    report: dict[str, Any] = {
        "checks": [check.to_json() for check in figures.checks(stage.book, threads=box.threads, cores=cores)],
        "table": figures.table(stage.book),
        "model": MODEL,
        "box": _box(box),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds),
        "quiet": len(stage.book.disturbed) <= _DISTURBED * len(stage.book.others),
        "others_cores": round(max(stage.book.others, default=0.0), 3),
        "pressure": round((pressure() - waited) / seconds, 3),  # of the time, also among our own
        "disturbed": stage.book.disturbed,
        "problems": stage.book.problems,
        "notes": stage.book.notes,
        "samples": stage.book.samples,
    }
    REPORT.mkdir(parents=True, exist_ok=True)
    (REPORT / "bench.json").write_text(json.dumps(report, indent=1) + "\n")
    text = _as_text(report)
    (REPORT / "bench.txt").write_text(text)
    sys.stdout.write(text)
    _draw()
    return 0 if report["checks"] and all(check["value"] is not None for check in report["checks"]) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rounds", type=float, default=1.0, help="the usual numbers of rounds times this")
    parser.add_argument("--only", default="", help=f"of {','.join(MEASUREMENTS)}")
    parser.add_argument("--threads", type=int, default=0, help="of every system; 0: one per physical core")
    given = parser.parse_args()
    given.only = [name for name in given.only.replace(",", " ").split() if name] or list(MEASUREMENTS)
    unknown = set(given.only) - set(MEASUREMENTS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}")
    return given


def _box(box: Box) -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": psutil.cpu_count(logical=False),
        "memory_mb": psutil.virtual_memory().total // 1_000_000,
        "threads": box.threads,
        "context": box.context,
        "system": platform.platform(),
    }


def _as_text(report: dict[str, Any]) -> str:
    lines = ["", f"{report['model']}, {report['box']['threads']} threads, {report['box']['processor']}", ""]
    lines.append("".join(["measured".ljust(43), *(name.rjust(22) for name in figures.SYSTEMS)]))
    for row in report["table"]:
        unit = f", {row['unit']}" if row["unit"] else ""
        cells = [_cell(row["systems"].get(name), name) for name in figures.SYSTEMS]
        lines.append("".join([f"{row['title']}{unit}".ljust(43), *(cell.rjust(22) for cell in cells)]))
    lines += ["(in brackets: by how much ours is better than that)", ""]
    for check in report["checks"]:
        lines.append(_check_line(check))
        lines.append(f"         {check['about']}")
        beside = {name: value for name, value in check["beside"].items() if value is not None}
        if beside:
            lines.append(
                "         beside: " + ", ".join(f"{name} {value:.4g}" for name, value in beside.items())
            )
    lines += [f"problem: {problem}" for problem in report["problems"]]
    if not report["quiet"]:
        lines.append(
            f"WARNING: others used this machine in {len(report['disturbed'])} of the samples (up to "
            f"{report['others_cores']} cores). These figures are not quiet."
        )
    lines.append(
        f"{report['seconds']} s; build/report/bench.json holds every sample, bench.svg and bench.png the picture."
    )
    return "\n".join(lines) + "\n"


def _cell(system: dict[str, Any] | None, name: str) -> str:
    if system is None:
        return "-"
    ratio = system["ours_is_better_by"]
    return f"{system['value']:.4g}" + ("" if name == OURS or ratio is None else f" ({ratio:.2f})")


def _check_line(check: dict[str, Any]) -> str:
    if check["value"] is None:
        return f"  ?      {check['name']}: not measured"
    low, high = check["spread"] or (check["value"], check["value"])
    mark = "" if not check["goal"] else "holds" if check["holds"] else "FAILS"
    goal = f", goal {check['goal']}" if check["goal"] else ""
    return (
        f"  {mark:6} {check['name']}: {check['value']:.3f}{goal} "
        f"({low:.3f} to {high:.3f} in {check['rounds']})"
    )


def _draw() -> None:
    python = PLACE / "venv" / "bin" / "python"
    drawing = Path(__file__).parent / "picture.py"
    done = subprocess.run(
        [python, drawing, REPORT / "bench.json", REPORT / "bench.svg", REPORT / "bench.png"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stdout.write(f"The picture could not be drawn: {done.stderr[-500:]}\n")


if __name__ == "__main__":
    sys.exit(main())
