"""An answer as a page: what models write looks well, and nothing in it loads, runs or hides something."""

from __future__ import annotations

import pytest

from agent.letters import page

SOURCES = "From what the house knows:\n[1] oil.pdf, page 2: \u201c812 <Euro>\u201d\n[2] notes.md: \u201cMonday\u201d"


@pytest.mark.rule("E53")
def test_what_a_model_writes_becomes_markup() -> None:
    shown = page.of("**Yes.**\n\n1. milk\n2. eggs\n\n| a | b |\n|---|---|\n| 1 | 2 |", footer="nisse")
    for piece in ("<strong>Yes.</strong>", "<ol>", "<li>milk</li>", "<td>2</td>"):
        assert piece in shown


@pytest.mark.rule("E53")
def test_sources_stand_below_with_their_numbers() -> None:
    shown = page.of(f"Monday [2].\n\n{SOURCES}", footer="nisse")
    answer, _, below = shown.partition("From what the house knows:")
    assert "Monday [2]." in answer
    assert "[1] oil.pdf, page 2: \u201c812 &lt;Euro&gt;\u201d" in below
    assert below.index("[1]") < below.index("[2]") < below.index("nisse")


@pytest.mark.rule("E53")
@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![pixel](https://example.com/t.png)",
        "[here](javascript:alert(1))",
        "<a href='data:text/html,x'>x</a>",
        "<style>p{display:none}</style>",
        "<iframe src=x></iframe>",
    ],
)
def test_nothing_in_it_loads_or_runs(text: str) -> None:
    shown = page.of(text, footer="nisse")
    for piece in ("<script", "<img", "<style", "<iframe", 'href="javascript', 'href="data', "<p onerror"):
        assert piece not in shown


@pytest.mark.rule("E53")
def test_a_link_shows_where_it_leads() -> None:
    assert "</a> (https://example.com/pay)" in page.of("[my bank](https://example.com/pay)", footer="nisse")
    assert "(https" not in page.of("<https://example.com/pay>", footer="nisse")


def test_a_line_of_dashes_makes_no_heading_of_the_one_above() -> None:
    assert "<h2>" not in page.of("Total\n-----\n812", footer="nisse")
