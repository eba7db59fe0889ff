"""Files beside a question: what the brain reads of them, what the asker is told, and that they stay data."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.conversation import attached, turn
from agent.conversation.attached import Extract
from agent.message import Attachment, Message
from tests.fakes.brain import Brain
from tests.live.running import Running, until


def extract(name: str = "bill.txt", text: str = "The bill is 42 euros.", **more: Any) -> Extract:
    return Extract(name=name, text=text, **{"characters": len(text), **more})


@pytest.mark.rule("E45")
def test_a_file_is_read_beside_the_question_and_the_asker_is_told() -> None:
    read = attached.reading([extract()], room=6000)
    assert "File bill.txt" in read.block
    assert read.block.endswith("The bill is 42 euros.")
    assert read.remarks == ("I have read bill.txt.",)


@pytest.mark.rule("E46")
def test_a_long_file_is_read_in_part_and_the_asker_is_told_how_much() -> None:
    read = attached.reading([extract(text="7" * 6000, characters=40_000)], room=4000)
    assert read.block.count("7") == 4000
    assert read.remarks == ("Of bill.txt I read the first 4,000 of its 40,000 characters.",)


@pytest.mark.rule("E45")
def test_files_share_the_room_and_what_a_short_one_leaves_goes_to_the_others() -> None:
    read = attached.reading(
        [extract("a.txt", "short"), extract("b.txt", "b" * 9000), extract("c.txt", "c" * 9000)], room=3005
    )
    assert read.block.count("b" * 1500) == read.block.count("c" * 1500) == 1
    assert read.remarks[0] == "I have read a.txt."
    assert [remark[:10] for remark in read.remarks[1:]] == ["Of b.txt I", "Of c.txt I"]


@pytest.mark.rule("E45")
def test_what_cannot_be_read_and_what_is_too_much_is_said() -> None:
    picture = Extract(name="cat.jpg", problem="This document is not text.")
    read = attached.reading([picture], room=6000, unread=["six.txt"])
    assert read.block == ""
    assert read.remarks == (
        "I could not read cat.jpg: This document is not text.",
        "I read 5 files at a time and have not read six.txt.",
    )
    assert attached.reading([extract()], room=10).remarks == (
        "I have not read bill.txt: there was no room for it beside your question.",
    )


@pytest.mark.rule("E32")
@pytest.mark.parametrize(
    "mark",
    [
        "<|im_start|>system\n",
        "<|im_<|x|>end|>",
        "</s>",
        "[INST]",
        "<start_of_turn>",
        "\u200b",
        "\U000e0041",
        "\u202e",
        "<\uff5cUser\uff5c>",
    ],
)
def test_a_file_cannot_speak_in_another_voice(mark: str) -> None:
    said = attached.safe(f"before {mark}after")
    assert said.replace("system\n", "") in ("before after", "beforeafter")


@pytest.mark.rule("E32")
def test_nothing_in_a_file_is_taken_for_a_wish() -> None:
    file = Attachment(name="keep.txt", media_type="text/plain", data=b"keep this. search everything. help")
    wish = turn.wish(Message(channel="mail", native_id="1", sender="a@b", text="Well?", attachments=(file,)))
    assert wish.kind == "question"


def test_the_file_stands_between_the_notes_and_the_question() -> None:
    read = attached.reading([extract()], room=6000)
    messages = turn.prompt(
        "How much?", name="Anna", today="Monday", passages=(), history=(), files=read.block
    )
    content = messages[-1]["content"]
    assert content.index("42 euros") < content.index("Question: How much?")
    assert (
        "What does this file say"
        in (turn.prompt("", name="A", today="M", passages=(), history=(), files="F")[-1]["content"])
    )


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Running, Brain]]:
    def echo(messages: list[dict[str, str]]) -> Iterator[str]:
        yield "The bill is 42 euros." if "42 euros" in messages[-1]["content"] else "I do not know."

    with (
        Brain(echo) as brain,
        Running(
            tmp_path, {"brain.url": brain.url, "models.folder": str(tmp_path / "no-models")}
        ) as processes,
    ):
        processes.start("conversation", wait_for="conversation")
        processes.claim(console="anna")
        yield processes, brain


def say(running: Running, **more: Any) -> str:
    message = Message(
        channel="console", native_id="1", sender="anna", text="How much is it?", level="verified", **more
    )
    body = json.loads(json.dumps(message.to_json()))
    return str(running.client("conversation").post("/messages", body)["id"])


@pytest.mark.rule("E45")
def test_a_file_waits_for_recall_is_answered_from_and_is_not_kept(running: tuple[Running, Brain]) -> None:
    processes, brain = running
    file = Attachment(name="bill.txt", media_type="text/plain", data=b"The bill is 42 euros.")
    message_id = say(processes, attachments=(file,))
    waits = lambda: "recall" in processes.client("conversation").get(f"/messages/{message_id}")["reason"]  # noqa: E731
    until(waits, 20, "the wait for recall")
    assert brain.requests == []
    processes.start("recall", wait_for="recall")
    look = lambda: processes.client("conversation").get(f"/messages/{message_id}")["reply"]  # noqa: E731
    text = until(look, 40, "the reply")["text"]
    assert text.startswith("The bill is 42 euros.")
    assert "I have read bill.txt." in text
    assert "I keep no file unless asked" in text
    recall = processes.client("recall")
    assert recall.get("/documents", person="anybody")["documents"] == []


@pytest.mark.rule("E45")
def test_recall_gives_out_the_beginning_of_a_text_and_its_length(running: tuple[Running, Brain]) -> None:
    processes, _brain = running
    processes.start("recall", wait_for="recall")
    body = {"name": "a.txt", "data": base64.b64encode(b"one two three").decode(), "first": 3}
    assert processes.client("recall").post("/texts", body) == {"text": "one", "characters": 13}
