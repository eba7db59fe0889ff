"""Mails as people's programs really write them: what is read is what was newly written."""

from __future__ import annotations

from collections import Counter

import pytest

from agent.letters.reading import read
from tests.letters.corpus import broken, charsets, programs, signed, structures
from tests.letters.corpus.letter import Letter

CORPUS = [
    *programs.letters(),
    *charsets.letters(),
    *structures.letters(),
    *signed.letters(),
    *broken.letters(),
]


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


@pytest.mark.rule("E44")
@pytest.mark.parametrize("program", ["Gmail", "Apple Mail", "Thunderbird", "Outlook", "forwarded"])
def test_what_a_program_adds_is_left_out_in_every_language(program: str) -> None:
    theirs = [letter for letter in CORPUS if letter.name.startswith(program)]
    assert len(theirs) >= 20
    assert [letter.name for letter in theirs if read(letter.mail, channel="mail").text != letter.text] == []


@pytest.mark.rule("E41")
def test_every_charset_is_read_in_every_encoding() -> None:
    theirs = [letter for letter in CORPUS if letter.name.startswith("charset ")]
    assert len(theirs) >= 100
    assert [letter.name for letter in theirs if read(letter.mail, channel="mail").text != letter.text] == []
