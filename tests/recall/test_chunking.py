from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.recall.chunking import PASSAGE, WINDOW, chunks, windows
from agent.recall.pages import Page

_LONGEST = PASSAGE.most + PASSAGE.lone  # with a short remainder

WORDS = st.sampled_from(
    ["tea", "boiler.", "Why?", "9.15,", "\n", "\n\n", " \n \n", "\t", "e.g.", "\u3002", "x" * 700]
)
TEXTS = st.lists(WORDS, max_size=600).map(" ".join) | st.text(max_size=300)
PAGES = st.lists(st.builds(Page, TEXTS, st.integers(0, 9), st.sampled_from(["", "A > B"])), max_size=4)


@settings(deadline=None)
@given(PAGES)
def test_every_passage_is_exactly_the_slice_its_offsets_say(pages: list[Page]) -> None:
    text = "".join(page.text for page in pages)
    for chunk in chunks(pages):
        assert text[chunk.start : chunk.end] == chunk.text
        assert chunk.text == chunk.text.strip() != ""


@settings(deadline=None)
@given(PAGES)
def test_passages_follow_each_other_and_leave_out_nothing_but_space(pages: list[Page]) -> None:
    text = "".join(page.text for page in pages)
    place = 0
    for chunk in chunks(pages):
        assert chunk.start >= place
        assert not text[place : chunk.start].strip()
        place = chunk.end
    assert not text[place:].strip()


@settings(deadline=None)
@given(PAGES)
def test_no_passage_is_much_longer_than_it_should_be(pages: list[Page]) -> None:
    for chunk in chunks(pages):
        assert len(chunk.text.split()) <= _LONGEST
        assert len("".join(chunk.text.split())) <= _LONGEST * 8


def test_a_long_text_becomes_passages_of_the_right_size() -> None:
    text = "\n\n".join(" ".join(["The old house has nine words in this sentence."] * 7) for _ in range(30))
    sizes = [len(chunk.text.split()) for chunk in chunks([Page(text)])]
    assert all(120 <= size <= 180 for size in sizes)


def test_a_passage_ends_where_a_sentence_does() -> None:
    text = " ".join(f"This is sentence number {number} of many." for number in range(200))
    assert all(chunk.text.endswith("many.") for chunk in chunks([Page(text)]))


@settings(deadline=None)
@given(TEXTS)
def test_the_windows_of_a_passage_hold_every_word_of_it(text: str) -> None:
    assert "".join("".join(windows(text)).split()) == "".join(text.split())
    assert all(len(window.split()) <= WINDOW.most + WINDOW.lone for window in windows(text))


def test_page_and_headings_stay_with_the_passage() -> None:
    found = list(chunks([Page("First page. ", 1), Page("Second page.", 2, "House > Cellar")]))
    assert [(chunk.page, chunk.context) for chunk in found] == [(1, ""), (2, "House > Cellar")]


def test_a_text_without_spaces_is_cut_too() -> None:
    assert len(list(chunks([Page("字" * 10_000)]))) >= 7
