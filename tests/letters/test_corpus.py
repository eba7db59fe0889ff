"""Mails as people's programs really write them: what is read is what was newly written."""

from __future__ import annotations

from collections import Counter

import pytest

from agent.letters.reading import read
from tests.letters.corpus import charsets, programs, structures
from tests.letters.corpus.letter import Letter

CORPUS = [*programs.letters(), *charsets.letters(), *structures.letters()]


@pytest.mark.rule("E40", "E44")
@pytest.mark.parametrize("letter", CORPUS, ids=[letter.name for letter in CORPUS])
def test_a_letter_is_read_as_it_was_meant(letter: Letter) -> None:
    message = read(letter.mail, channel="mail")
    assert message.text == letter.text
    assert message.subject == letter.subject
    assert message.sender == letter.sender
    assert tuple(file.name for file in message.attachments) == letter.files


def test_the_corpus_is_large_and_no_letter_stands_in_it_twice() -> None:
    assert len({letter.mail for letter in CORPUS}) >= 700
    names = Counter(letter.name for letter in CORPUS)
    assert [name for name, count in names.items() if count > 1] == []
