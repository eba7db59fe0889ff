"""What the door says while its process ends: nothing is taken, nothing breaks, and the sender keeps the mail."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import pytest
from aiosmtpd.smtp import Envelope, LoginPassword

from agent.channels._house import House
from agent.channels.door.reception import Reception

HERE: Any = SimpleNamespace(peer=("127.0.0.1", 1), auth_data=None)


@pytest.fixture
def house() -> Any:
    return create_autospec(House, instance=True, channel="door")


@pytest.fixture
def reception(house: House) -> Reception:
    return Reception(
        house,
        name="nisse",
        domains=frozenset({"localhost"}),
        addresses=frozenset(),
        login=False,
        hourly=9,
    )


async def _ending() -> None:
    """From here on no thread takes work any more, as at the end of a process."""
    ended = ThreadPoolExecutor()
    ended.shutdown()
    asyncio.get_running_loop().set_default_executor(ended)


def test_a_mail_is_left_with_its_sender(reception: Reception, house: Any) -> None:
    async def bring() -> str:
        await _ending()
        envelope = Envelope()
        envelope.content, envelope.rcpt_tos = b"From: anna@nisse.test\r\n\r\nhi\r\n", ["nisse@localhost"]
        return await reception.handle_DATA(create_autospec(object), HERE, envelope)

    assert asyncio.run(bring()).startswith("451 4.3.0")
    house.hand_in.assert_not_called()


def test_whoever_logs_in_is_asked_to_come_again(reception: Reception) -> None:
    async def log_in() -> Any:
        await _ending()
        return await reception.verified(HERE, LoginPassword(b"anna", b"password of anna"))

    answer = asyncio.run(log_in())
    assert not answer.success
    assert answer.message.startswith("454 4.7.0")
