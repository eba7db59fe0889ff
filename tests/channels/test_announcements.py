"""What the house tells its owner unasked, all the way to a real mailbox, or into the letters at the portal."""

from __future__ import annotations

import pytest

from tests.channels.test_mail import ANNA, NISSE, words
from tests.live.house_at_work import House, wait_until
from tests.live.ports import free_port
from tests.live.postoffice import PostOffice
from webui import letters

pytestmark = pytest.mark.servers
TOLD = ("update-7-3-slow-model", "A new model did not do well", "It was too slow. The model before answers.")


def tell(house: House) -> None:
    """Announces it, and takes the worker's step."""
    assert house.room.desk.announcing.announce(*TOLD) == 1
    (message,) = house.messages()
    house.answer(message.problem)


def test_an_owner_with_a_mailbox_gets_one_mail(house: House, office: PostOffice) -> None:
    house.start("mail")
    wait_until(lambda: any(one["accounts"] for one in house.room.channels.everything()))
    tell(house)
    (mail,) = office.wait_for(ANNA, 1)
    assert mail["Subject"] == TOLD[1]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["From"].endswith(f"<{NISSE}>")
    assert words(mail).startswith(TOLD[2])
    house.room.desk.announcing.announce(*TOLD)
    assert house.messages() == []
    wait_until(lambda: not house.room.outbox.waiting("mail", 0))
    assert len(office.mailbox(ANNA)) == 1


def test_without_a_mailbox_it_is_a_letter_at_the_portal(house: House) -> None:
    house.room.channels.report("mail", {"accounts": []})
    house.environment["NISSE_DOOR_LISTEN"] = f"127.0.0.1:{free_port()}"
    house.start("door")
    tell(house)
    maildir = house.home / "door" / "Maildir"
    wait_until(lambda: letters.of_person(maildir, [ANNA]))
    (letter,) = letters.of_person(maildir, [ANNA])
    assert letter.subject == TOLD[1]
    assert TOLD[2] in letter.text
