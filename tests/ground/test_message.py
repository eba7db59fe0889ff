"""The nouns, there and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import RequestError
from agent.message import Attachment, Message, Passage, Person, Reply

words = st.text(max_size=30)
attachments = st.builds(Attachment, name=words, media_type=words, data=st.binary(max_size=50))
messages = st.builds(
    Message,
    channel=words,
    native_id=words,
    sender=words,
    text=words,
    attachments=st.lists(attachments, max_size=2).map(tuple),
    received_at=st.floats(allow_nan=False, allow_infinity=False),
    envelope=st.dictionaries(words, words, max_size=3),
)


@given(messages)
def test_a_message_survives_the_wire(message: Message) -> None:
    assert Message.from_json(json.loads(json.dumps(message.to_json()))) == message


def test_a_reply_and_a_person_survive_the_wire() -> None:
    reply = Reply(
        id="1",
        message_id="1",
        channel="mail",
        recipient="a",
        text="t",
        outgoing_id="o",
        sources=(Passage(text="p", document="d"),),
    )
    person = Person(id="1", name="Anna", addresses=(("mail", "a@b"),))
    assert Reply.from_json(json.loads(json.dumps(reply.to_json()))) == reply
    assert Person.from_json(json.loads(json.dumps(person.to_json()))) == person


def test_fields_of_a_newer_peer_survive() -> None:
    body = {"channel": "a", "native_id": "b", "sender": "c", "text": "d", "mood": {"happy": True}}
    assert Message.from_json(body).to_json()["mood"] == {"happy": True}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"channel": "a"}, "native_id"),
        ({"channel": "a", "native_id": 5, "sender": "c", "text": "d"}, "native_id"),
        ({"channel": "a", "native_id": "b", "sender": "c", "text": "d", "attachments": {}}, "attachments"),
        (
            {
                "channel": "a",
                "native_id": "b",
                "sender": "c",
                "text": "d",
                "attachments": [{"name": "x", "data": "!"}],
            },
            "data",
        ),
        ({"channel": "a", "native_id": "b", "sender": "c", "text": "d", "received_at": True}, "received_at"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, object], field: str) -> None:
    with pytest.raises(RequestError) as refused:
        Message.from_json(body)
    assert refused.value.param == field


def test_the_same_channel_and_native_id_are_the_same_message() -> None:
    one = Message(channel="mail", native_id="x", sender="a", text="t")
    assert one.id == Message(channel="mail", native_id="x", sender="b", text="u").id
    assert one.id != Message(channel="door", native_id="x", sender="a", text="t").id
