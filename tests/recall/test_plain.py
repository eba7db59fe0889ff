from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import TooLargeError, UnreadableError
from agent.recall.pages import Limits
from agent.recall.readers import plain


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("utf-8", "Räksmörgås och 7 €"),
        ("utf-8-sig", "Räksmörgås"),
        ("utf-16", "Räksmörgås"),
        ("cp1252", "Räksmörgås för 7 € \u2013 \u201cgott\u201d"),
        ("latin-1", "Grüße an Frau Öztürk"),
    ],
)
def test_text_is_read_in_whatever_charset_it_came(charset: str, text: str) -> None:
    assert plain.decode(text.encode(charset)) == text


def test_bytes_that_windows_does_not_know_are_read_as_latin_1() -> None:
    text = plain.decode("Köp mjölk. ".encode("latin-1") * 100 + b"\x81")
    assert text.startswith("Köp mjölk.")


def test_line_ends_become_one_kind() -> None:
    assert plain.decode(b"one\r\ntwo\rthree\n") == "one\ntwo\nthree\n"


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)),
        b"MZ\x90\0\x03\0\0\0\x04" * 50,
        random.Random(1).randbytes(5_000),
    ],
)
def test_binary_rubbish_is_refused_with_a_hint(data: bytes) -> None:
    with pytest.raises(UnreadableError) as refused:
        plain.decode(data)
    assert refused.value.hint


def test_a_text_over_the_limit_is_refused() -> None:
    with pytest.raises(TooLargeError):
        list(plain.read(b"x" * 101, Limits(characters=100)))


@given(st.binary(max_size=400))
def test_whatever_comes_is_either_text_or_refused(data: bytes) -> None:
    try:
        text = plain.decode(data)
    except UnreadableError:
        return
    assert "\0" not in text
