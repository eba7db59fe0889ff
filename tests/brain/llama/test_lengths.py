"""How many tokens a text has at least."""

from __future__ import annotations

from agent.brain.llama.lengths import Lengths, outermost


def test_a_text_has_a_token_for_each_of_the_longest_and_for_each_word_that_is_one() -> None:
    lengths = Lengths(4, ("<end>", "<begin>"))
    assert lengths.fewest("") == 0
    assert lengths.fewest("ö" * 10) == 5
    assert lengths.fewest("<end><begin>" * 3) == 9  # by its length
    assert Lengths(100, ("<end>", "<begin>")).fewest("<end><begin>" * 3) == 6


def test_a_word_within_another_is_not_counted() -> None:
    assert set(outermost(["\n", "\n\n", "\n\n\n", "<end>", "<end>", ""])) == {"\n\n\n", "<end>"}
