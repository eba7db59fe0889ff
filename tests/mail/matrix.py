"""`make test-mail-matrix`: runs every test that proves a line of the mail checklist, and shows line, test, kind of server and result.

Owns: the table, printed and written to build/report/test-mail-matrix.{json,md}.
Does not know: the tests; they name their lines themselves.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import ModuleType

import pytest

from tests.mail.checklist import LINES
from tests.measured import REPORTS, Check, measured, write

TARGET = "test-mail-matrix"
REAL, FAKE, NONE = "real", "fake", "none (pure)"
_TESTS_FAILED = 1  # pytest's exit status; a greater one: they could not be run
_WORST_FIRST = ("failed", "skipped", "passed", "not run")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One test of one line."""

    line: str
    rule: str
    test: str
    server: str  # "real" Postfix, Dovecot or dnsmasq; a "fake" that speaks the protocol; "none (pure)"
    result: str


class Collector:
    """Hears from pytest which tests there are and how they end."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}
        self._servers: dict[str, str] = {}
        self._results: dict[str, str] = {}

    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        """Notes each test's lines and servers."""
        for item in items:
            self._lines[item.nodeid] = sorted({str(mark.args[0]) for mark in item.iter_markers("rule")})
            self._servers[item.nodeid] = _server(item)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Notes how a test ended; the worst of its three phases counts."""
        if report.when == "call" or report.outcome != "passed":
            known = self._results.get(report.nodeid, "not run")
            self._results[report.nodeid] = min(known, report.outcome, key=_WORST_FIRST.index)

    def rows(self) -> list[Row]:
        """The table, in the checklist's order; a line without a test has a row that says so."""
        found = [
            Row(
                line=line,
                rule=LINES.get(line, "not in the checklist"),
                test=test,
                server=self._servers[test],
                result=self._results.get(test, "not run"),
            )
            for test, lines in self._lines.items()
            for line in lines
        ]
        lacking = set(LINES) - {row.line for row in found}
        found += [Row(line=line, rule=LINES[line], test="", server="", result="no test") for line in lacking]
        return sorted(found, key=lambda row: (int(row.line[1:]), row.test))


def _server(item: pytest.Item) -> str:
    if item.get_closest_marker("servers"):
        return REAL
    module: ModuleType | None = getattr(item, "module", None)
    sources = {str(getattr(value, "__module__", "")) for value in vars(module).values()} if module else set()
    return FAKE if any(source.startswith("tests.fakes") for source in sources) else NONE


def as_markdown(rows: Sequence[Row]) -> str:
    """The table for people, one line a test."""
    head = "| line | rule | test | server | result |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| {row.line} | {row.rule} | `{row.test.rpartition('/')[2] or '-'}` | {row.server} | {row.result} |\n"
        for row in rows
    )


def main(arguments: Sequence[str]) -> int:
    """Runs the tests; returns the exit status."""
    collector = Collector()
    if "--collect-only" in arguments:  # for the test that no line lacks a test
        with contextlib.redirect_stdout(sys.stderr):
            status = int(pytest.main(["-m", "rule", "-qq", *arguments], plugins=[collector]))
        sys.stdout.write(json.dumps(sorted({row.line for row in collector.rows() if row.test})))
        return status
    status = int(pytest.main(["-m", "rule", "-q", "--no-header", *arguments], plugins=[collector]))
    rows = collector.rows()
    for row in rows:
        sys.stdout.write(f"{row.line:4} {row.result:8} {row.server:12} {row.test.rpartition('/')[2]}\n")
    found = [
        Check(name="lines", value=len(LINES)),
        Check(
            name="lines_with_a_test",
            value=len({row.line for row in rows if row.test}),
            goal=f">= {len(LINES)}",
        ),
        Check(name="tests", value=len({row.test for row in rows if row.test})),
        Check(name="rows_not_passed", value=sum(row.result != "passed" for row in rows), goal="<= 0"),
    ]
    write(TARGET, found, rows=[asdict(row) for row in rows])
    (REPORTS / f"{TARGET}.md").write_text(as_markdown(rows), encoding="utf-8")
    return measured(found) if status <= _TESTS_FAILED else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
