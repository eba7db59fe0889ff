from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.recall.pages import Limits, Page
from agent.recall.readers import markdown


def read(text: str) -> list[Page]:
    return list(markdown.read(text.encode(), Limits()))


def test_headings_are_the_context_of_what_stands_below_them() -> None:
    pages = read("# House\nBuilt in 1931.\n## Cellar\nThe boiler.\n# Garden\nApples.\n")
    assert [page.context for page in pages] == ["House", "House > Cellar", "Garden"]
    assert "The boiler." in pages[1].text


def test_a_heading_without_text_goes_with_the_section_below_it() -> None:
    pages = read("# House\n\n## Cellar\n\nThe boiler.\n")
    assert [page.context for page in pages] == ["House > Cellar"]
    assert pages[0].text.startswith("# House")


def test_a_hash_inside_a_code_block_is_no_heading() -> None:
    pages = read("# Script\n```sh\n# a comment\nls\n```\nDone.\n")
    assert [page.context for page in pages] == ["Script"]


def test_text_above_the_first_heading_has_no_context() -> None:
    assert read("Welcome.\n# House\nBuilt.\n")[0] == Page("Welcome.\n")


@given(st.text(alphabet="# ab\n`~", max_size=200))
def test_the_sections_together_are_the_text(text: str) -> None:
    assert "".join(page.text for page in read(text)) == text
