"""The figures of `make bench`: ratios, spreads and goals, from samples made up here."""

from __future__ import annotations

import pytest

from tests.bench.asking import Answered
from tests.bench.figures import Check, checks, percentile, summary, table
from tests.bench.peers import LLAMA_SERVER, OURS, RAW
from tests.bench.stage import Book
from tests.measured import holds


def book(**samples: dict[str, list[float]]) -> Book:
    made = Book()
    for measure, systems in samples.items():
        for system, values in systems.items():
            for at, value in enumerate(values):
                made.write(measure, system, at, value)
    return made


def one(made: Book, name: str, *, threads: int = 2, cores: int = 2) -> Check:
    return next(check for check in checks(made, threads=threads, cores=cores) if check.name == name)


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    # The machine was half as fast in the last round, for both.
    check = one(book(generation={OURS: [48, 46, 24], RAW: [50, 50, 24]}), "generation_vs_raw")
    assert check.value == pytest.approx(0.96)
    assert check.spread == pytest.approx((0.92, 1.0))
    assert not check.holds


def test_less_time_is_better() -> None:
    check = one(book(prefill={OURS: [5.0], RAW: [4.9]}), "prefill_vs_raw")
    assert check.value == pytest.approx(0.98)
    assert check.holds


def test_a_round_that_one_of_them_missed_does_not_count() -> None:
    made = book(four={OURS: [60, 60, 60]})
    made.write("four", LLAMA_SERVER, 1, 50)
    check = one(made, "four_conversations_vs_llama_server")
    assert check.value == pytest.approx(1.2)
    assert check.rounds == 1


def test_what_could_not_be_measured_does_not_hold() -> None:
    check = one(book(four={LLAMA_SERVER: [50]}), "four_conversations_vs_llama_server")
    assert check.value is None
    assert not check.holds


def test_what_was_not_asked_for_is_not_told() -> None:
    assert {check.name for check in checks(book(prefill={OURS: [1], RAW: [1]}), threads=2, cores=2)} == {
        "prefill_vs_raw"
    }


def test_the_second_turn_after_kill_is_compared_with_the_same_new_tokens() -> None:
    made = book(second_turn={OURS: [0.2], RAW: [0.2]}, second_turn_after_kill={OURS: [0.3]})
    assert one(made, "second_turn_after_kill_vs_new_tokens").value == pytest.approx(1.5)


def test_the_fair_share_goes_by_threads_and_cores() -> None:
    made = book(quiet={OURS: [40]}, contended={OURS: [20]})
    assert one(made, "busy_box_vs_fair_share").value == pytest.approx(1.0)
    assert one(made, "busy_box_vs_fair_share", threads=2, cores=4).value == pytest.approx(0.5)


def test_the_interactive_figure_is_of_the_95th_percentile() -> None:
    idle, loaded = [0.1] * 28 + [0.2, 9.0], [0.2] * 28 + [0.3, 9.0]
    check = one(
        book(interactive_idle={OURS: idle}, interactive_loaded={OURS: loaded}),
        "interactive_under_load_vs_idle",
    )
    assert check.value == pytest.approx(1.5)
    assert check.rounds == 30
    assert percentile([3, 1, 2], 50) == 2


@pytest.mark.parametrize(
    ("value", "goal", "reached"),
    [(0.97, ">= 0.97", True), (0.969, ">= 0.97", False), (1.5, "<= 1.5", True), (9, "", True)],
)
def test_a_goal_is_reached_at_its_limit(value: float, goal: str, reached: bool) -> None:
    assert holds(value, goal) is reached


def test_the_table_says_by_how_much_ours_is_better() -> None:
    lines = table(book(generation={OURS: [44], LLAMA_SERVER: [40]}, prefill={OURS: [4], LLAMA_SERVER: [5]}))
    assert [line["systems"][LLAMA_SERVER]["ours_is_better_by"] for line in lines] == [1.1, 1.25]
    assert summary(Book(), "generation", OURS) is None


def test_speed_goes_by_the_tokens_after_the_first_piece() -> None:
    steady = Answered(arrivals=[(0.0, 4), (1.0, 4), (2.0, 4)], texts=["aaaa"] * 3)
    assert steady.speed == pytest.approx(1.0)
    joined = Answered(
        arrivals=[(0.0, 4), (2.0, 8)], texts=["aaaa", "aaaaaaaa"], usage={"completion_tokens": 3}
    )
    assert joined.speed == pytest.approx(1.0)
