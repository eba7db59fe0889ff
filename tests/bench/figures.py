"""What the samples add up to: the figures with their goals, and the table.

Owns: medians, ratios, spreads, and which goal each figure has.
Does not know: how anything was measured.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tests.bench.crowd import LOOPS
from tests.bench.peers import EXAMPLE, HIGH_LEVEL, LLAMA_SERVER, OURS, RAW
from tests.bench.stage import Book
from tests.measured import holds

SYSTEMS = (OURS, LLAMA_SERVER, EXAMPLE, HIGH_LEVEL, RAW)


@dataclass(frozen=True)
class Aim:
    """A figure's name, its goal and what it says."""

    name: str
    goal: str
    about: str


@dataclass(frozen=True, kw_only=True)
class Check:
    """One figure."""

    name: str
    value: float | None  # None: it could not be measured
    unit: str
    goal: str  # empty: it is only told
    holds: bool
    spread: tuple[float, float] | None  # least and greatest of the rounds
    rounds: int
    about: str
    beside: Mapping[str, float | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As the report holds it, with figures rounded to what was measured."""
        return {key: _rounded(value) for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Row:
    """One line of the table: a measure of each system."""

    measure: str
    title: str
    unit: str
    more_is_better: bool


ROWS = (
    Row("generation", "one answer", "tokens/s", more_is_better=True),
    Row("prefill", "1,000 new tokens, to the first word", "s", more_is_better=False),
    Row("four", "4 conversations, same beginning", "tokens/s", more_is_better=True),
    Row("four_apart", "4 conversations, nothing shared", "tokens/s", more_is_better=True),
    Row("eight", "8 conversations, same beginning", "tokens/s", more_is_better=True),
    Row("second_turn", "second turn after 2,000 tokens", "s", more_is_better=False),
    Row("second_turn_after_kill", "the same after kill -9", "s", more_is_better=False),
    Row("interactive_idle", "short question, idle, p95", "s", more_is_better=False),
    Row("interactive_loaded", "short question, 4 in the background, p95", "s", more_is_better=False),
    Row("background_share", "what the background keeps meanwhile", "", more_is_better=True),
    Row("quiet", "one answer, before the rivals", "tokens/s", more_is_better=True),
    Row("contended", "one answer beside two busy loops", "tokens/s", more_is_better=True),
    Row("resident", "resident memory", "MB", more_is_better=False),
)
GENERATION = Aim("generation_vs_raw", ">= 0.97", "tokens/s through HTTP / the raw loop's")
PREFILL = Aim(
    "prefill_vs_raw",
    ">= 0.97",
    "the raw loop's time for 1,000 new tokens / that to the first word through HTTP",
)
TOGETHER = {
    "four": Aim(
        "four_conversations_vs_llama_server", ">= 1.05", "tokens/s of four answers together / llama-server's"
    ),
    "eight": Aim("eight_conversations_vs_llama_server", ">= 1.05", "the same with eight"),
    "four_apart": Aim(
        "four_apart_vs_llama_server", "", "the same with four that have no beginning in common"
    ),
}
SECOND_TURN = {
    "second_turn": Aim(
        "second_turn_vs_new_tokens",
        "<= 1.15",
        "time to the first word / the raw loop's for only the new tokens",
    ),
    "second_turn_after_kill": Aim(
        "second_turn_after_kill_vs_new_tokens",
        "<= 1.15",
        "the same after kill -9 and restart, without the model's loading",
    ),
}
INTERACTIVE = Aim(
    "interactive_under_load_vs_idle",
    "<= 1.5",
    "time to the first word: p95 beside four background answers / p95 idle",
)
SHARE = Aim(
    "background_share",
    "",
    "text a second of four background answers, while somebody asks / while nobody does",
)
MEMORY = Aim(
    "rss_vs_reported",
    "<= 1.1",
    "resident set / weights, memory of what was read and buffers, as llama.cpp reports them",
)
BUSY = Aim(
    "busy_box_vs_fair_share",
    ">= 0.7",
    f"tokens/s beside {LOOPS} busy loops / the fair share of the quiet speed",
)
_TAILS = ("interactive_idle", "interactive_loaded")


def checks(book: Book, *, threads: int, cores: int) -> list[Check]:
    """The figures that this run can tell: those of which at least one measure was taken.

    Args:
        book: What was measured.
        threads: With how many each server computed.
        cores: Of this machine.
    """
    fair = min(1.0, cores / (threads + LOOPS))
    made = [
        _ratio(book, GENERATION, ("generation", OURS), ("generation", RAW)),
        _ratio(book, PREFILL, ("prefill", RAW), ("prefill", OURS)),
        *(_ratio(book, aim, (word, OURS), (word, LLAMA_SERVER)) for word, aim in TOGETHER.items()),
        *(_ratio(book, aim, (turn, OURS), ("second_turn", RAW)) for turn, aim in SECOND_TURN.items()),
        _interactive(book),
        _share(book),
        _memory(book),
        _busy(book, fair),
    ]
    return [check for check in made if check is not None]


def summary(book: Book, measure: str, system: str) -> float | None:
    """The one number for a system: the median of the rounds, or the 95th percentile of single requests."""
    values = list(book.values(measure, system).values())
    if not values:
        return None
    return percentile(values, 95) if measure in _TAILS else statistics.median(values)


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def table(book: Book) -> list[dict[str, Any]]:
    """A line for each measure: each system's number, its spread, and ours in ratio to it (above 1: ours is better)."""
    lines = []
    for row in ROWS:
        systems = {}
        ours = summary(book, row.measure, OURS)
        for system in SYSTEMS:
            value = summary(book, row.measure, system)
            if value is None:
                continue
            samples = book.values(row.measure, system).values()
            ratio = None
            if ours and value:
                ratio = ours / value if row.more_is_better else value / ours
            systems[system] = {
                "value": _rounded(value),
                "spread": _rounded((min(samples), max(samples))),
                "samples": len(samples),
                "ours_is_better_by": _rounded(ratio),
            }
        if systems:
            lines.append({"measure": row.measure, "title": row.title, "unit": row.unit, "systems": systems})
    return lines


def _ratio(book: Book, aim: Aim, over: tuple[str, str], under: tuple[str, str]) -> Check | None:
    """Round by round one sample divided by another, each named by measure and system; the median of these."""
    if over[0] not in book.samples:
        return None
    beside = {}
    if RAW in (over[1], under[1]):
        for other in SYSTEMS[1:-1]:
            theirs = _ratios(
                book, *((measure, other if system == OURS else system) for measure, system in (over, under))
            )
            beside[other] = statistics.median(theirs) if theirs else None
    return _check(aim, _ratios(book, over, under), beside)


def _ratios(book: Book, over: tuple[str, str], under: tuple[str, str]) -> list[float]:
    above, below = book.values(*over), book.values(*under)
    return [above[at] / below[at] for at in above if below.get(at)]


def _interactive(book: Book) -> Check | None:
    if "interactive_idle" not in book.samples:
        return None
    value = _tail_ratio(book, OURS)
    idle, loaded = (
        list(book.values(measure, OURS).values()) for measure in ("interactive_idle", "interactive_loaded")
    )
    beside = {LLAMA_SERVER: _tail_ratio(book, LLAMA_SERVER)}
    if idle and loaded:
        beside["nisse, medians"] = statistics.median(loaded) / statistics.median(idle)
    check = _check(INTERACTIVE, [value] if value else [], beside)
    if not value:
        return check
    tail = percentile(idle, 95)
    return replace(check, spread=(min(loaded) / tail, max(loaded) / tail), rounds=len(loaded))


def _tail_ratio(book: Book, system: str) -> float | None:
    loaded, idle = (summary(book, measure, system) for measure in ("interactive_loaded", "interactive_idle"))
    return loaded / idle if loaded and idle else None


def _share(book: Book) -> Check | None:
    if SHARE.name not in book.samples:
        return None
    beside = {LLAMA_SERVER: summary(book, SHARE.name, LLAMA_SERVER)}
    return _check(SHARE, list(book.values(SHARE.name, OURS).values()), beside)


def _memory(book: Book) -> Check | None:
    if "resident" not in book.samples:
        return None
    beside = {f"{system}, MB": summary(book, "resident", system) for system in SYSTEMS[:-1]}
    beside["nisse as reported, MB"] = summary(book, "reported", OURS)
    return _check(MEMORY, _ratios(book, ("resident", OURS), ("reported", OURS)), beside)


def _busy(book: Book, fair: float) -> Check | None:
    if "contended" not in book.samples:
        return None

    def shares(system: str) -> list[float]:
        return [ratio / fair for ratio in _ratios(book, ("contended", system), ("quiet", system))]

    theirs = shares(LLAMA_SERVER)
    beside = {LLAMA_SERVER: statistics.median(theirs) if theirs else None, "the fair share": fair}
    return _check(BUSY, shares(OURS), beside)


def _check(aim: Aim, values: Sequence[float], beside: Mapping[str, float | None]) -> Check:
    value = statistics.median(values) if values else None
    return Check(
        name=aim.name,
        value=value,
        unit="ratio",
        goal=aim.goal,
        holds=value is not None and holds(value, aim.goal),
        spread=(min(values), max(values)) if values else None,
        rounds=len(values),
        about=aim.about,
        beside=beside,
    )


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4) if abs(value) < 100 else round(value, 1)
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
