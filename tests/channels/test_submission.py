"""Handing mails to a mail server: never unencrypted, in plain letters unless the server can do more, and what each refusal means."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult

from agent.channels._outgoing import retry_after
from agent.channels._submission import Server, Submission
from agent.channels.mail.journal import Journal, opened
from agent.channels.mail.lockout import Lockout
from agent.errors import RequestError, SettingsError, UnavailableError, UnreachableError
from agent.settings import Secret

MAIL = b"From: nisse@nisse.test\r\nSubject: hi\r\n\r\nhi\r\n"
UMLAUT = "jörg@nisse.test"


class Post:
    """aiosmtpd's handler: keeps what it took."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], bytes]] = []
        self.answer = "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.taken.append((envelope.rcpt_tos, envelope.content))
        return self.answer


class Session(SMTP):
    """aiosmtpd's conversation with one client."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.ended = asyncio.Event()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.ended.set()


@contextmanager
def serving(post: Post, context: ssl.SSLContext | None, **more: Any) -> Iterator[int]:
    """A real SMTP server that takes any login; without a context it has no encryption."""
    loop = asyncio.new_event_loop()
    sessions: list[Session] = []
    if context is not None:
        more |= {
            "tls_context": context,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": lambda *_: AuthResult(success=True),
        }

    def session() -> Session:
        sessions.append(Session(post, loop=loop, **more))
        return sessions[-1]

    server = loop.run_until_complete(loop.create_server(session, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(_until_all_left(server, sessions), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


async def _until_all_left(server: asyncio.Server, sessions: list[Session]) -> None:
    """Returns when the connections are closed and their tasks have ended."""
    server.close()
    await asyncio.gather(*(session.ended.wait() for session in sessions))
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)


@pytest.fixture
def authority(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    return context, str(tmp_path / "ca.pem")


def submission(port: int, ca_file: str) -> Submission:
    server = Server(
        host="127.0.0.1",
        port=port,
        security="starttls",
        user="nisse",
        password=Secret("hush"),
        ca_file=ca_file,
    )
    return Submission(server)


@pytest.mark.rule("E54")
def test_a_server_without_encryption_never_hears_the_password() -> None:
    post = Post()
    with serving(post, None) as port, pytest.raises(SettingsError, match="no encryption"):
        submission(port, "").submit(MAIL, sender="nisse@nisse.test", recipient="anna@nisse.test")
    assert post.taken == []


@pytest.mark.rule("E54")
def test_a_server_that_does_not_prove_itself_never_hears_the_password(
    authority: tuple[ssl.SSLContext, str],
) -> None:
    post = Post()
    with (
        serving(post, authority[0]) as port,
        pytest.raises(UnreachableError, match="does not prove who it is"),
    ):
        submission(port, "").submit(MAIL, sender="nisse@nisse.test", recipient="anna@nisse.test")
    assert post.taken == []


@pytest.mark.rule("E54")
def test_letters_beyond_ascii_before_the_at_go_out_where_the_server_offers_it(
    authority: tuple[ssl.SSLContext, str],
) -> None:
    post = Post()
    with serving(post, authority[0], enable_SMTPUTF8=True) as port:
        handed = submission(port, authority[1]).submit(MAIL, sender="nisse@nisse.test", recipient=UMLAUT)
    assert handed.certain
    assert [recipients for recipients, _ in post.taken] == [[UMLAUT]]


@pytest.mark.rule("E54")
def test_letters_beyond_ascii_before_the_at_are_refused_clearly_where_it_does_not(
    authority: tuple[ssl.SSLContext, str],
) -> None:
    post = Post()
    with (
        serving(post, authority[0]) as port,
        pytest.raises(RequestError, match="plain address"),
    ):
        submission(port, authority[1]).submit(MAIL, sender="nisse@nisse.test", recipient=UMLAUT)
    assert post.taken == []


@pytest.mark.rule("E54")
def test_plain_addresses_never_ask_for_more(authority: tuple[ssl.SSLContext, str]) -> None:
    post = Post()
    with serving(post, authority[0]) as port:
        assert (
            submission(port, authority[1])
            .submit(MAIL, sender="nisse@nisse.test", recipient="anna@nisse.test", copy_to="nisse@nisse.test")
            .copied
        )
    assert [len(recipients) for recipients, _ in post.taken] == [2]


@pytest.mark.rule("E55")
@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        ("451 4.3.0 later", UnavailableError),
        ("452 4.2.2 full", UnavailableError),
        ("554 5.7.1 never", RequestError),
    ],
)
def test_a_servers_later_is_tried_again_and_its_never_is_final(
    authority: tuple[ssl.SSLContext, str], answer: str, meant: type[Exception]
) -> None:
    post = Post()
    post.answer = answer
    with serving(post, authority[0]) as port, pytest.raises(meant, match=answer[:3]) as refused:
        submission(port, authority[1]).submit(MAIL, sender="nisse@nisse.test", recipient="anna@nisse.test")
    assert not isinstance(refused.value, UnreachableError)


@pytest.mark.rule("E55")
def test_a_servers_later_is_tried_after_five_minutes_and_then_ever_less_often_until_once_a_day() -> None:
    later = UnavailableError("not now")
    waits = [retry_after(tries, 300, later) for tries in range(1, 15)]
    assert waits[0] == 300
    assert waits == sorted(waits)
    assert waits[-1] == 24 * 3600
    assert retry_after(10_000, 300, later) == 24 * 3600


@pytest.mark.rule("E55")
def test_a_server_that_cannot_be_reached_is_tried_sooner() -> None:
    away = UnreachableError("no line")
    waits = [retry_after(tries, 300, away) for tries in range(1, 15)]
    assert waits[0] == 60
    assert waits[-1] == 3600


@pytest.mark.rule("E5")
def test_a_locked_mailbox_is_tried_once_a_day_and_a_new_password_at_once(tmp_path: Path) -> None:
    store = opened(tmp_path)
    journal = Journal(store, "nisse")
    lockout = Lockout(journal, "receiving", "old password")
    waits = [lockout.next_wait() for _ in range(3)]
    assert max(waits[:2]) < 5
    assert waits[2] == 24 * 3600
    assert Lockout(journal, "receiving", "old password").left() > 23 * 3600, "also after a restart"
    assert Lockout(journal, "sending", "old password").left() == 0.0
    assert Lockout(journal, "receiving", "new password").left() == 0.0
    lockout.again()
    assert lockout.left() == 0.0
    assert Lockout(journal, "receiving", "old password").left() == 0.0
    store.close()


@pytest.mark.rule("E5")
def test_who_waits_for_a_locked_mailbox_is_woken_when_it_is_to_be_tried_again(tmp_path: Path) -> None:
    store = opened(tmp_path)
    lockout = Lockout(Journal(store, "nisse"), "receiving", "password")
    waiter = threading.Thread(target=lambda: lockout.sleep(3600.0), daemon=True)
    for _ in range(3):
        lockout.next_wait()
    waiter.start()
    lockout.again()
    waiter.join(10)
    assert not waiter.is_alive()
    store.close()
