"""What the channels' tests share: a house with two people in it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.house_at_work import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house with Anna, her mail address, her console and her password."""
    home = tmp_path / "home"
    home.mkdir()
    made = House(home)
    made.room.people.claim(
        "Anna",
        [("mail", "anna@nisse.test"), ("console", pwd.getpwuid(os.getuid()).pw_name)],
        "password of anna",
    )
    made.room.people.add("Bert", "member", [("mail", "bert@nisse.test")], "password of bert")
    yield made
    made.end()
