"""What the channels' tests share: a house with two people in it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.house_at_work import House
from tests.live.postoffice import PostOffice


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


@pytest.fixture(scope="module")
def offices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostOffice]:
    with PostOffice(tmp_path_factory.mktemp("post")) as opened:
        yield opened


@pytest.fixture
def office(offices: PostOffice, house: House) -> PostOffice:
    """The post office with empty mailboxes, and the house with an account there."""
    offices.let_all_arrive()
    for name in ("nisse", "anna"):
        with offices.imap(f"{name}@nisse.test") as client:
            for folder in ("INBOX", "Sent"):
                client.select_folder(folder)
                client.delete_messages(client.search("ALL"))
                client.expunge()
    house.environment.update(
        {
            "NISSE_MAIL_ADDRESS": "nisse@nisse.test",
            "NISSE_MAIL_PASSWORD": offices.account("nisse").password,
            "NISSE_MAIL_IMAP_HOST": offices.host,
            "NISSE_MAIL_IMAP_PORT": str(offices.imap_port),
            "NISSE_MAIL_SMTP_HOST": offices.host,
            "NISSE_MAIL_SMTP_PORT": str(offices.smtp_port),
            "NISSE_MAIL_CA_FILE": str(offices.ca_file),
            "NISSE_MAIL_POLL": "20",
            "NISSE_MAIL_NAMESERVER": offices.names.address,
            "NISSE_MAIL_AUTHSERV_ID": "none",
        }
    )
    return offices
