"""The house's own golden questions."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import ConflictError, NotFoundError, RequestError, TooLargeError
from provisioning.updates import golden
from provisioning.updates.golden import MOST, Questions

QUESTION = "When does the dustbin lorry come?"
PASSAGE = "The dustbin lorry comes on Tuesdays before 7.30; call Lindqvist if it does not."
ANSWER = "It comes on Tuesdays, before 7.30 in the morning [1]."


@pytest.fixture
def questions(tmp_path: Path) -> Questions:
    return Questions(tmp_path)


def test_a_question_is_kept_over_a_restart_and_taken_away(questions: Questions, tmp_path: Path) -> None:
    kept = questions.keep(QUESTION, ANSWER, passages=[PASSAGE])
    assert Questions(tmp_path).all() == [kept]
    questions.remove(kept.id)
    assert Questions(tmp_path).all() == []
    with pytest.raises(NotFoundError):
        questions.remove(kept.id)


def test_the_words_on_which_an_answer_rests_are_proposed(questions: Questions) -> None:
    assert questions.keep(QUESTION, ANSWER, passages=[PASSAGE]).must == ("7.30", "Tuesdays")
    assert questions.keep("Tell me a tale.", "Once upon a time in 1850 there was a hen.").must == ()
    assert questions.keep(QUESTION, ANSWER, passages=[PASSAGE], must=["morning"]).must == ("morning",)
    assert len(questions.all()) == 2


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("Tuesdays before 7.30.", ""),
        ("on TUESDAYS, before 7.30", ""),
        ("On Tuesdays before 17.30.", "lacks “7.30”"),
        ("On Mondays.", "lacks"),
        ("  \n", "no answer"),
        ("@@@@ #### !!!! ....", "no sensible"),
        ("Tuesdays 7.30 " * 40, "no sensible"),
        ("7.30 Tuesdays and " + "the the the the " * 20, "no sensible"),
    ],
)
def test_an_answer_is_judged_in_one_sentence(questions: Questions, answer: str, says: str) -> None:
    one = questions.keep(QUESTION, ANSWER, passages=[PASSAGE])
    verdict = golden.judge(one, answer)
    assert says in verdict if says else verdict == ""
    assert verdict.count("\n") == 0


def test_words_are_found_in_scripts_without_blanks(questions: Questions) -> None:
    one = questions.keep("いつ来ますか。", "火曜日の朝に来ます。", must=["火曜日"])
    assert golden.judge(one, "それは火曜日です。") == ""
    assert "lacks" in golden.judge(one, "それは月曜日です。")


def test_the_prompt_holds_what_the_house_knew(questions: Questions) -> None:
    text = golden.prompt(questions.keep(QUESTION, ANSWER, passages=[PASSAGE]))
    assert text.index(PASSAGE) < text.index(QUESTION)
    assert golden.prompt(questions.keep("Why?", "Because.")) == "Why?"


def test_there_are_limits(questions: Questions) -> None:
    for number in range(MOST):
        questions.keep(f"Question {number}?", "Yes.")
    with pytest.raises(ConflictError):
        questions.keep("One more?", "Yes.")
    questions.keep("Question 3?", "No.")
    assert len(questions.all()) == MOST
    for wrong in ({"question": " "}, {"answer": ""}):
        with pytest.raises(RequestError):
            questions.keep(**{"question": "Why?", "answer": "Because.", **wrong})
    with pytest.raises(TooLargeError):
        questions.keep("?" * 4_001, "Yes.")
    with pytest.raises(TooLargeError):
        questions.keep("Why?", "Because.", must=["x" * 61])


def test_an_answer_that_would_not_pass_itself_is_not_kept(questions: Questions) -> None:
    with pytest.raises(RequestError, match="would not pass itself"):
        questions.keep(QUESTION, ANSWER, must=["Wednesday"])
    assert questions.all() == []


@pytest.mark.parametrize(
    "torn", [b"", b"{}", b"\0" * 50, b'{"sealed": {"questions": [{"id": 1}]}, "sha256": "x"}']
)
def test_a_torn_file_is_as_if_there_were_none(questions: Questions, tmp_path: Path, torn: bytes) -> None:
    questions.keep(QUESTION, ANSWER)
    (file,) = (tmp_path / "updates").glob("golden*")
    file.write_bytes(torn)
    assert questions.all() == []
    questions.keep(QUESTION, ANSWER)
    assert len(questions.all()) == 1
