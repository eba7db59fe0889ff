from __future__ import annotations

from agent.recall.relevance import fused, is_relevant


def test_a_near_passage_counts_whatever_its_words() -> None:
    assert is_relevant(0.5, 0.0)


def test_a_far_passage_counts_only_by_its_words_and_not_if_it_is_very_far() -> None:
    assert not is_relevant(0.2, 0.2)
    assert is_relevant(0.2, 0.9)
    assert not is_relevant(0.0, 0.9)


def test_without_a_vector_the_words_decide() -> None:
    assert is_relevant(None, 0.9)
    assert not is_relevant(None, 0.1)


def test_what_two_rankings_agree_on_comes_first() -> None:
    scores = fused([[1, 2, 3], [2, 4]])
    assert max(scores, key=lambda identity: scores[identity]) == 2
    assert scores[1] > scores[3]
