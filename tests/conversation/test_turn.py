"""A turn, without any I/O."""

from __future__ import annotations

import pytest

from agent.conversation import turn
from agent.conversation.turn import Exchange
from agent.message import Message, Passage

BOILER = Passage(
    text="The boiler's pressure must stand at 1.7 bar when cold.",
    document="boiler.pdf",
    document_id="b",
    page=2,
)
HEDGE = Passage(
    text="The hedge is cut in August, the apple trees in February.", document="garden.txt", document_id="g"
)


def message(text: str, subject: str = "") -> Message:
    return Message(channel="mail", native_id="1", sender="anna@example.org", text=text, subject=subject)


@pytest.mark.parametrize(
    ("text", "subject", "kind"),
    [
        ("help", "", "help"),
        ("Help!", "Question", "help"),
        ("status?", "", "status"),
        ("search apple trees", "", "search"),
        ("search", "", "question"),
        ("see attached", "keep", "keep"),
        ("see attached", "Keep: the manual", "keep"),
        ("see attached", "++ the manual", "keep"),
        ("keep the spare key is at Ingrid's", "", "keep"),
        ("keeping bees, is it hard?", "", "question"),
        ("How do I keep bees?", "Keepsake", "question"),
        ("", "When is the hedge cut?", "question"),
    ],
)
def test_a_wish_is_read_from_subject_and_text(text: str, subject: str, kind: str) -> None:
    assert turn.wish(message(text, subject)).kind == kind


def test_keep_leaves_the_text_without_the_word() -> None:
    assert turn.wish(message("keep: the key is at Ingrid's")).text == "the key is at Ingrid's"


def test_a_subject_alone_is_the_question() -> None:
    assert turn.wish(message("", "When is the hedge cut?")).text == "When is the hedge cut?"


def test_a_question_that_is_too_long_is_cut_and_says_so() -> None:
    wish = turn.wish(message("x" * 10_000))
    assert len(wish.text) == turn.QUESTION_CHARACTERS
    text = turn.reply_text("Yes.", [], wish_=wish, remarks=[])
    assert "the first 6,000 of your 10,000 characters" in text


def test_what_never_changes_stands_first_in_the_prompt() -> None:
    prompts = [
        turn.prompt(question, name=name, today=today, passages=passages, history=[])
        for question, name, today, passages in (
            ("When?", "Anna", "Monday", [HEDGE]),
            ("Why?", "Bo", "Tuesday", []),
        )
    ]
    assert prompts[0][0] == prompts[1][0] == {"role": "system", "content": turn.SYSTEM}


def test_the_prompt_stays_under_its_budget() -> None:
    long = Passage(text="word " * 2_000, document="long.txt")
    history = [Exchange(question="q" * 500, answer="a" * 500) for _ in range(10)]
    messages = turn.prompt("Why?", name="Anna", today="Monday", passages=[long, long, HEDGE], history=history)
    assert sum(len(row["content"]) for row in messages) < 6_000
    assert [row["role"] for row in messages] == ["system", *["user", "assistant"] * 2, "user"]


def test_each_prompt_of_a_thread_begins_as_the_one_before_ended_except_when_half_of_it_goes() -> None:
    history: list[Exchange] = []
    before: list[dict[str, str]] = []
    begins_anew = 0
    for number in range(30):
        question = f"Question {number}?"
        messages = turn.prompt(question, name="Anna", today="Monday", passages=[], history=history)
        begins_anew += messages[: len(before)] != before
        history.append(Exchange(question=question, answer=f"Answer {number}. " * 10, today="Monday"))
        before = [*messages, {"role": "assistant", "content": history[-1].answer}]
    assert begins_anew <= 5


@pytest.mark.parametrize("lengths", [[1150, 1300], [2300, 2300], [1150, 1300, 100, 2390]])
def test_the_newest_exchange_stays_whole_when_the_others_go(lengths: list[int]) -> None:
    history = [
        Exchange(question="Why?", answer=f"{number}" * length) for number, length in enumerate(lengths)
    ]
    messages = turn.prompt("Shorter, please.", name="Anna", today="Monday", passages=[], history=history)
    assert messages[-2] == {"role": "assistant", "content": history[-1].answer}


@pytest.mark.parametrize(("asked", "said"), [(100, 5_000), (5_000, 100), (5_000, 5_000)])
def test_an_exchange_that_is_too_long_is_shortened_where_the_model_sees_it(asked: int, said: int) -> None:
    history = [
        Exchange(question="Before?", answer="Yes."),
        Exchange(question="Q" + "q" * asked + "?", answer="A" + "a" * said + "."),
    ]
    prompts = [
        turn.prompt("Shorter, please.", name="Anna", today="Monday", passages=[], history=history)
        for _ in range(2)
    ]
    question, answer = (row["content"] for row in prompts[0][1:3])
    assert prompts[0] == prompts[1]
    assert len(prompts[0]) == 4
    assert turn.HISTORY_CHARACTERS - 10 < len(question) + len(answer) < turn.HISTORY_CHARACTERS + 50
    assert ("[…]" in question, "[…]" in answer) == (asked > 1_200, said > 1_200)
    assert question.endswith("q?")
    assert answer.startswith("Aa")
    assert answer.endswith("a.")


def test_an_answer_rests_on_the_passages_whose_words_it_uses() -> None:
    assert turn.sources("The hedge is cut in August.", [BOILER, HEDGE]) == (HEDGE,)
    assert turn.sources("I do not know.", [BOILER, HEDGE]) == ()


def test_a_citation_counts_more_than_words() -> None:
    assert turn.sources("In August [2].", [BOILER, HEDGE]) == (HEDGE,)
    assert turn.sources("In August [7].", [BOILER, HEDGE]) == ()


def test_a_reply_names_document_page_and_sentence() -> None:
    text = turn.reply_text(
        "It must be 1.7 bar.", [BOILER], wish_=turn.wish(message("Which?")), remarks=["Note this."]
    )
    assert text.startswith("It must be 1.7 bar.\n\n(Note this.)\n\n")
    assert "[1] boiler.pdf, page 2: “The boiler's pressure must stand at 1.7 bar when cold.”" in text
