"""The mail channel's sign of life, with a real mailbox in which nothing happens."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agent import alive
from agent.channels import _life
from tests.live.house_at_work import House
from tests.live.postoffice import PostOffice
from tests.live.running import until

pytestmark = pytest.mark.servers


def test_a_channel_that_waits_for_mail_says_again_and_again_that_it_does(
    house: House, office: PostOffice, tmp_path: Path
) -> None:
    (tmp_path / alive.FOLDER).mkdir()
    house.environment |= {"NISSE_RUN": str(tmp_path), "SUPERVISOR_PROCESS_NAME": "channel-mail"}
    house.start("mail")
    until(lambda: "mail.begins" in house.log(), 180, "the first look")

    def promise() -> float:
        return alive.promised(tmp_path, "channel-mail")

    def waits() -> bool:
        return promise() - time.monotonic() <= _life._WAITING_S

    until(waits, 180, "a sign of one that waits")
    for _ in range(3):
        before = promise()
        until(lambda before=before: promise() > before, 180, "another sign")  # type: ignore[misc]
    assert waits()
