"""kill -9 of each process while ten mails are on their way: each comes back, and each mail is answered exactly once."""

from __future__ import annotations

import collections
import itertools
import random
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.live.postoffice import PostOffice
from tests.live.running import House, until
from tests.test_journey import ANNA, BOX, letter, mail_settings

pytestmark = [
    pytest.mark.servers,
    pytest.mark.models,
    pytest.mark.root,
    pytest.mark.timeout(900),
    pytest.mark.rule("E8"),
]

MAILS = 10
PROCESSES = ("conversation", "brain", "recall", "channel-mail", "channel-door", "portal", "updates")


@pytest.fixture(scope="module")
def house(office: PostOffice, models: Path, short_path: Path) -> Iterator[House]:
    many = {f"conversation.{limit}": "1000" for limit in ("sender_hour", "sender_day", "house_hour")}
    with House(
        short_path / "home", mail_settings(office) | many | {"conversation.max_answer": "24"}
    ) as house:
        house.claim("Anna", ANNA)
        house.thinks()
        until(house.follows_mail, 60, "the mail channel")
        yield house


numbers = itertools.count()


@pytest.mark.parametrize("process", PROCESSES)
def test_a_killed_process_comes_back_and_every_mail_is_answered_once(
    office: PostOffice, house: House, process: str
) -> None:
    ids = [f"<kill-{next(numbers)}@nisse.test>" for _ in range(MAILS)]
    killed = house.pid(process)
    for number, message_id in enumerate(ids):
        office.send(letter(f"Say the number {number}.", subject="Count", message_id=message_id), ANNA, BOX)
    time.sleep(random.Random(process).uniform(0.5, 4.0))
    house.kill(process)

    until(lambda: answered(office) >= set(ids), 300, f"{MAILS} answers after the end of {process}")
    until(lambda: house.state(process) == "RUNNING", 30, f"{process} again")
    assert house.pid(process) not in (0, killed)
    time.sleep(3)  # a second answer would follow the first
    counts = collections.Counter(mail["In-Reply-To"] for mail in replies(office))
    assert {message_id: counts[message_id] for message_id in ids} == dict.fromkeys(ids, 1)


def replies(office: PostOffice) -> list[EmailMessage]:
    return [mail for mail in office.mailbox(ANNA) if mail["In-Reply-To"]]


def answered(office: PostOffice) -> set[str]:
    return {mail["In-Reply-To"] for mail in replies(office)}
