"""News of a mail that the server tells beside the answer to something else: it tells them once, and waiting must not miss them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from agent.channels.mail.account import server as settings_server
from agent.channels.mail.imap import Imap
from tests.channels.test_mail import ANNA, NISSE, mail
from tests.live.house_at_work import House, wait_until
from tests.live.postoffice import PostOffice

pytestmark = pytest.mark.servers


@pytest.fixture
def box(house: House, office: PostOffice) -> Iterator[Imap]:
    """The mailbox, open, with one mail that is known."""
    office.send(mail(1), ANNA)
    office.wait_for(NISSE, 1)
    with Imap(settings_server(house.settings, "imap")) as box:
        box.open("INBOX")
        yield box


def arrives(office: PostOffice) -> None:
    with office.imap(NISSE) as client:
        client.append("INBOX", bytes(mail(2)))


def waited(box: Imap) -> float:
    """How long it waits for news, at most 20 s."""
    began = time.monotonic()
    box.wait(20, threading.Event())
    return time.monotonic() - began


@pytest.mark.parametrize(
    "doing",
    [
        lambda box, uid: box.facts(uid),
        lambda box, uid: box.content(uid),
        lambda box, uid: box.mark_answered([uid]),
    ],
    ids=["facts", "content", "mark"],
)
def test_a_mail_that_arrives_while_another_is_dealt_with_is_seen_at_once(
    office: PostOffice, box: Imap, doing: Callable[[Imap, int], object]
) -> None:
    (first,) = box.newer(0, 0.0)
    arrives(office)
    doing(box, first)
    assert waited(box) < 15
    assert len(box.newer(first, 0.0)) == 1


def test_a_mail_that_a_search_tells_of_and_does_not_find_is_seen_at_once(
    office: PostOffice, box: Imap
) -> None:
    (first,) = box.newer(0, 0.0)
    arrives(office)
    if not box.newer(first, 0.0):  # so does Dovecot
        assert waited(box) < 15
        assert len(box.newer(first, 0.0)) == 1


def test_what_was_found_is_no_news(office: PostOffice, box: Imap) -> None:
    arrives(office)
    wait_until(lambda: len(box.newer(0, 0.0)) == 2)
    box.newer(0, 0.0)  # the one before may have told of a mail again
    assert not box._told_of_mails()


def test_a_folder_that_was_opened_anew_is_looked_into_before_the_wait(office: PostOffice, box: Imap) -> None:
    (first,) = box.newer(0, 0.0)
    arrives(office)
    box.holds("INBOX", "<nobody@nisse.test>")
    assert waited(box) < 15
    assert len(box.newer(first, 0.0)) == 1


def test_a_server_that_tells_the_same_again_and_again_is_not_asked_without_a_pause(
    box: Imap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Imap, "_told_of_mails", lambda _: True)
    began = time.monotonic()
    for _ in range(4):
        assert box.newer(1_000, 0.0) == []
        box.wait(2, threading.Event())
    assert time.monotonic() - began > 1.5
