"""What is new in a mail, and what is quoted below it."""

from __future__ import annotations

import pytest

from agent.letters import quotes

REPLIES = [
    ("en", "Yes.\n\nOn Sat, 21 Nov 2026 at 08:15, Nisse <nisse@example.org> wrote:\n> Shall I?\n> Really?"),
    ("en, wrapped", "Yes.\n\nOn Sat, 21 Nov 2026 at 08:15, Nisse\n<nisse@example.org> wrote:\n\n> Shall I?"),
    ("de", "Yes.\n\nAm 21.11.2026 um 08:15 schrieb Nisse:\n> Soll ich?"),
    ("fr", "Yes.\n\nLe sam. 21 nov. 2026 à 08:15, Nisse <nisse@example.org> a écrit :\n> Dois-je ?"),
    ("es", "Yes.\n\nEl sáb, 21 nov 2026 a las 8:15, Nisse (<nisse@example.org>) escribió:\n> ¿Debo?"),
    ("it", "Yes.\n\nIl giorno sab 21 nov 2026 alle ore 08:15 Nisse ha scritto:\n> Devo?"),
    ("nl", "Yes.\n\nOp za 21 nov 2026 om 08:15 schreef Nisse <nisse@example.org>:\n> Zal ik?"),
    ("sv", "Yes.\n\nDen lör 21 nov. 2026 kl 08:15 skrev Nisse <nisse@example.org>:\n> Ska jag?"),
    ("pt", "Yes.\n\nEm sáb., 21 de nov. de 2026 às 08:15, Nisse escreveu:\n> Devo?"),
    ("pl", "Yes.\n\nW dniu 21.11.2026 o 08:15, Nisse pisze:\n> Mam?"),
    ("ru", "Yes.\n\nсб, 21 нояб. 2026 г. в 08:15, Nisse <nisse@example.org> написал:\n> Мне?"),  # noqa: RUF001
    ("not marked", "Yes.\n\nOn Sat, 21 Nov 2026 at 08:15, Nisse wrote:\nShall I?"),
    ("Outlook", "Yes.\n\n-----Original Message-----\nFrom: Nisse\nShall I?"),
    (
        "Outlook, de",
        "Yes.\n\n________________________________\nVon: Nisse <n@x.org>\nGesendet: Samstag\nAn: Anna\nBetreff: x\n\nSoll ich?",
    ),
    ("Outlook, fr", "Yes.\n\nDe : Nisse\nEnvoyé : samedi\nÀ : Anna\n\nDois-je ?"),
    ("signature", "Yes.\n-- \nAnna\nMain Street 1"),
    ("signature, no space", "Yes.\n--\nAnna"),
    ("a phone", "Yes.\n\nSent from my iPhone"),
    ("a phone, de", "Yes.\n\nVon meinem iPhone gesendet"),
    ("signature above the quote", "Yes.\n-- \nAnna\n\nOn 21 Nov 2026 at 08:15 Nisse wrote:\n> Shall I?"),
    ("below the quote", "> Shall I?\n\nYes.\n"),
]


@pytest.mark.parametrize("text", [text for _, text in REPLIES], ids=[name for name, _ in REPLIES])
def test_only_what_is_new_is_read(text: str) -> None:
    assert quotes.apart(text).new == "Yes."


@pytest.mark.rule("E44")
def test_answers_between_quotes_are_all_kept() -> None:
    text = "On 21 Nov 2026 at 08:15 N wrote:\n> Red or blue?\nRed.\n> When?\nMonday.\n-- \nA"
    assert quotes.apart(text).new == "Red.\nMonday."


@pytest.mark.parametrize(
    "text",
    [
        "On Monday she wrote:\nmilk, bread",
        "We need:\n- 2 eggs\n- milk",
        "From: my heart\nthank you",
        "Dear Nisse, a -- b -- c",
        "Am I late? I wrote: 8:15",
    ],
)
def test_ordinary_words_are_not_taken_for_history(text: str) -> None:
    assert quotes.apart(text).new == text


@pytest.mark.rule("E44")
def test_where_nothing_is_new_the_whole_is_read() -> None:
    assert quotes.apart("> only\n> this").new == "> only\n> this"
    assert "Buy now" in quotes.apart("---------- Forwarded message ---------\nFrom: Shop\n\nBuy now").new
