"""The one decision: silence is the default, the lowest rule is told, and proof is needed."""

from __future__ import annotations

from typing import Any

import pytest

from agent.conversation import admission, capability
from agent.conversation.limits import Excess
from agent.message import ASSERTED, UNVERIFIED, VERIFIED, Attachment, Message, Person

ANNA = Person(id="a", name="Anna", role="owner", addresses=(("mail", "anna@example.org"),))
BERT = Person(id="b", name="Bert", addresses=(("mail", "bert@example.org"),))
NOW = 1_795_000_000.0


def mail(**changes: Any) -> Message:
    fields = {
        "channel": "mail",
        "native_id": "<1@x>",
        "sender": "anna@example.org",
        "text": "Hello",
        "level": VERIFIED,
    }
    return Message(**{**fields, **changes})


def rule(message: Message, person: Person | None = ANNA, **more: Any) -> str:
    found = admission.refusal(message, person, **more)
    assert found is None or found.why
    return found.rule if found else ""


@pytest.mark.rule("E17")
@pytest.mark.parametrize(
    ("level", "expected"), [(VERIFIED, ""), (ASSERTED, ""), (UNVERIFIED, "E17"), ("sworn", "E17")]
)
def test_a_paired_person_is_answered_if_it_is_at_least_asserted_that_they_wrote(
    level: str, expected: str
) -> None:
    assert rule(mail(level=level)) == expected


@pytest.mark.rule("E17")
def test_a_stranger_is_not_answered_however_well_proven() -> None:
    assert rule(mail(), None) == "E17"


@pytest.mark.rule("E17")
@pytest.mark.rule("E25")
def test_of_several_rules_the_lowest_is_told_and_no_sender_is_no_stranger() -> None:
    assert rule(mail(automatic="List-Id", rule="E13", level=UNVERIFIED), None) == "E13"
    assert rule(mail(automatic="an invitation", rule="E19", level=UNVERIFIED), None) == "E17"
    assert rule(mail(automatic="a group in From", rule="E25", level=UNVERIFIED), None) == "E25"
    assert rule(mail(automatic="a group in From", rule="E25"), excess=Excess(why="many", until=0)) == "E18"


@pytest.mark.rule("E18")
@pytest.mark.rule("E57")
def test_limits_and_addresses_whose_answers_come_back_refuse_what_else_would_be_answered() -> None:
    assert rule(mail(), excess=Excess(why="many", until=0)) == "E18"
    assert rule(mail(), silenced="the last 2 answers came back") == "E57"
    assert rule(mail(level=UNVERIFIED), excess=Excess(why="many", until=0)) == "E17"


@pytest.mark.parametrize("automatic", [("E19", "an invitation"), ("E20", "encrypted")])
def test_what_is_no_question_is_not_answered_whoever_sent_it(automatic: tuple[str, str]) -> None:
    assert rule(mail(rule=automatic[0], automatic=automatic[1])) == automatic[0]


@pytest.mark.rule("E6")
def test_an_empty_mail_is_not_answered_and_a_file_or_a_subject_is_something() -> None:
    assert rule(mail(text=" \n")) == "E6"
    assert rule(mail(text="", subject="When is the bin emptied?")) == ""
    assert rule(mail(text="", attachments=(Attachment(name="a.pdf"),))) == ""
    assert rule(mail(text="", problem="too large")) == ""


@pytest.mark.rule("E31")
@pytest.mark.parametrize(
    ("level", "person", "expected"),
    [
        (UNVERIFIED, ANNA, set()),
        (UNVERIFIED, None, set()),
        (ASSERTED, None, set()),
        (VERIFIED, None, set()),
        (ASSERTED, BERT, {"ask"}),
        (ASSERTED, ANNA, {"ask"}),
        (VERIFIED, BERT, {"ask", "memory", "keep"}),
        (VERIFIED, ANNA, {"ask", "memory", "keep", "govern"}),
        ("sworn", ANNA, set()),
    ],
)
def test_what_a_message_may_do_follows_from_level_and_person_alone(
    level: str, person: Person | None, expected: set[str]
) -> None:
    assert allowed(mail(level=level, written_at=NOW - 3600), person) == expected


@pytest.mark.rule("E31")
@pytest.mark.parametrize("written_at", [0.0, NOW - 49 * 3600, NOW + 49 * 3600])
def test_an_owners_old_mail_governs_nothing_unless_a_code_confirms_it(written_at: float) -> None:
    old = mail(written_at=written_at)
    assert allowed(old, ANNA) == {"ask", "memory", "keep"}
    assert "govern" in allowed(old, ANNA, confirmed=True)
    assert "govern" not in allowed(old, BERT, confirmed=True)
    assert allowed(mail(level=ASSERTED, written_at=NOW), ANNA, confirmed=True) == {"ask"}


def allowed(message: Message, person: Person | None, **more: Any) -> set[str]:
    found = capability.of(message, person, now=NOW, **more)
    return {name for name in ("ask", "memory", "keep", "govern") if getattr(found, name)}
