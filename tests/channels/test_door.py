"""The mail door, over real sockets: who may bring mail, and that each is answered once."""

from __future__ import annotations

import contextlib
import shutil
import smtplib
import socket
import ssl
import subprocess
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from agent.channels.door import check
from agent.channels.door.maildir import Maildir
from agent.errors import StorageError, UnreachableError
from tests.live.house_at_work import House, wait_for_port, wait_until
from tests.live.ports import free_port


@pytest.fixture
def door(house: House) -> int:
    port = free_port()
    house.environment["NISSE_DOOR_LISTEN"] = f"127.0.0.1:{port}"
    house.environment["NISSE_CONVERSATION_MAX_MESSAGE"] = "1"
    house.start("door")
    wait_for_port(port)
    return port


def mail(
    sender: str = "anna@nisse.test", text: str = "When is the bin emptied?", **fields: str
) -> EmailMessage:
    made = EmailMessage()
    made["From"] = sender
    made["To"] = "nisse@localhost"
    made["Message-ID"] = "<q1@nisse.test>"
    made["Subject"] = "Bins"
    for name, value in fields.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made


def bring(
    port: int, made: EmailMessage, *, sender: str = "anna@nisse.test", to: str = "nisse@localhost"
) -> Any:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.ehlo()
        client.mail(sender)
        code, words = client.rcpt(to)
        if code != 250:
            return code, words
        return client.data(made.as_bytes(policy=policy.SMTP))


def letters(house: House) -> list[str]:
    folder = house.home / "door" / "Maildir" / "new"
    return sorted(file.read_text() for file in folder.glob("*")) if folder.is_dir() else []


def test_a_known_persons_mail_is_taken_and_its_answer_lies_in_the_maildir(house: House, door: int) -> None:
    assert bring(door, mail())[0] == 250
    (message,) = house.messages()
    assert (message.channel, message.sender, message.address_kind) == ("door", "anna@nisse.test", "mail")
    assert message.text == "When is the bin emptied?"
    reply = house.answer("Monday.")
    wait_until(lambda: house.state(reply) == "sent")
    (letter,) = letters(house)
    assert "In-Reply-To: <q1@nisse.test>" in letter
    assert "To: anna@nisse.test" in letter
    assert "From: nisse <nisse@localhost>" in letter
    assert "Monday." in letter


def test_the_same_mail_brought_twice_is_one_message(house: House, door: int) -> None:
    assert [bring(door, mail())[0] for _ in range(2)] == [250, 250]
    assert len(house.messages()) == 1


def test_a_mail_without_an_id_is_taken_too(house: House, door: int) -> None:
    made = mail()
    del made["Message-ID"]
    assert bring(door, made)[0] == 250
    assert house.messages()[0].native_id.startswith("sha256:")


def test_a_stranger_is_refused_in_clear_words(house: House, door: int) -> None:
    code, words = bring(door, mail("stranger@nisse.test"))
    assert code == 550
    assert b"does not know the address" in words
    # Who stands in the envelope does not matter, From does.
    assert bring(door, mail("stranger@nisse.test"), sender="anna@nisse.test")[0] == 550
    assert house.messages() == house.messages("refused") == []


@pytest.mark.parametrize(
    "to", ["anna@nisse.test", "nisse@example.org", "someone@localhost", "nisse%example.org@localhost"]
)
def test_nothing_is_passed_on(door: int, to: str) -> None:
    code, words = bring(door, mail(), to=to)
    assert code == 550
    assert b"passes nothing on" in words


@pytest.mark.parametrize("to", ["nisse@localhost", "NISSE@nisse.local", "nisse+shopping@localhost"])
def test_the_houses_own_names_are_taken(door: int, to: str) -> None:
    assert bring(door, mail(), to=to)[0] == 250


def test_a_third_recipient_is_too_many(door: int) -> None:
    with smtplib.SMTP("127.0.0.1", door, timeout=30) as client:
        client.ehlo()
        client.mail("anna@nisse.test")
        assert [client.rcpt("nisse@localhost")[0] for _ in range(3)] == [250, 250, 452]


def test_an_oversized_mail_is_refused_announced_or_not(door: int) -> None:
    with smtplib.SMTP("127.0.0.1", door, timeout=30) as client:
        client.ehlo()
        assert int(client.esmtp_features["size"]) == 1_000_000
        assert client.mail("anna@nisse.test", ["size=1000001"])[0] == 552
    assert bring(door, mail(text="x" * 70 + "\n" + ("y" * 70 + "\n") * 15_000))[0] == 552


def test_a_crowd_at_the_door_is_asked_to_come_again(door: int) -> None:
    def word(connection: socket.socket) -> bytes:
        return connection.recv(3)

    wait_until(lambda: bring(door, mail())[0] == 250)
    with contextlib.ExitStack() as crowd:
        places = [crowd.enter_context(socket.create_connection(("127.0.0.1", door))) for _ in range(10)]
        words = [word(one) for one in places]
        assert words[0] == b"220"
        assert words[-1] == b"421"
        assert set(words) == {b"220", b"421"}
    wait_until(lambda: bring(door, mail())[0] == 250)


def test_while_conversation_is_away_the_sender_keeps_the_mail(house: House, door: int) -> None:
    house.shut()
    assert bring(door, mail())[0] == 451
    house.open()
    assert bring(door, mail())[0] == 250


def test_what_a_machine_wrote_is_taken_and_never_answered(house: House, door: int) -> None:
    assert bring(door, mail(Auto_Submitted="auto-replied"))[0] == 250
    assert house.messages() == []
    assert house.messages("refused")[0].automatic == "Auto-Submitted: auto-replied"


def test_a_crash_while_sending_never_doubles_the_letter(house: House, door: int) -> None:
    bring(door, mail())
    reply = house.answer("Monday.")
    wait_until(lambda: house.state(reply) == "sent")
    read = next((house.home / "door" / "Maildir" / "new").glob("*"))
    read.rename(house.home / "door" / "Maildir" / "cur" / f"{read.name}:2,S")
    with house.room.store.transaction() as db:  # as if the power had failed between the letter and the report
        db.conn.execute("UPDATE outbox SET state = 'sending'")
    wait_until(lambda: house.state(reply) == "sent")
    assert letters(house) == []
    assert len(list((house.home / "door" / "Maildir" / "cur").iterdir())) == 1


def test_the_test_button_knocks(house: House, door: int) -> None:
    assert str(door) in check(house.settings)
    with pytest.raises(UnreachableError):
        check(house.settings.with_values({"door.listen": "127.0.0.1:1"}))


@pytest.mark.skipif(not shutil.which("swaks"), reason="swaks is not installed")
def test_swaks_can_bring_a_mail(house: House, door: int) -> None:
    done = subprocess.run(
        [
            "swaks",
            "--server",
            f"127.0.0.1:{door}",
            "--from",
            "anna@nisse.test",
            "--to",
            "nisse@localhost",
            "--body",
            "Hello",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert house.messages()[0].text == "Hello"


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_can_bring_a_mail_with_bare_newlines(house: House, door: int) -> None:
    done = subprocess.run(
        ["curl", "-sS", "--url", f"smtp://127.0.0.1:{door}", "--mail-from", "anna@nisse.test", "--mail-rcpt", "nisse@localhost",
         "--upload-file", "-"],
        input=b"From: anna@nisse.test\nTo: nisse@localhost\nSubject: Hello\n\nWhat can you do?\nReally?\n",
        capture_output=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert house.messages()[0].text == "What can you do?\nReally?"


def test_a_long_mail_with_bare_newlines_is_taken(house: House, door: int) -> None:
    with smtplib.SMTP("127.0.0.1", door, timeout=30) as client:
        client.sendmail(
            "anna@nisse.test", ["nisse@localhost"], mail(text="a line of words\n" * 5000).as_bytes()
        )
    assert house.messages()[0].text.count("\n") == 4999


@pytest.fixture
def open_door(house: House) -> int:
    """A door beyond loopback: 0.0.0.0 reaches every network, so the rules for the home's network hold."""
    port = free_port()
    house.environment["NISSE_DOOR_LISTEN"] = f"0.0.0.0:{port}"
    house.start("door")
    wait_for_port(port)
    return port


def encrypted(port: int, house: House) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=str(house.home / "door" / "certificate.pem"))
    context.check_hostname = False
    client = smtplib.SMTP("127.0.0.1", port, timeout=30)
    client.starttls(context=context)
    return client


def test_in_the_homes_network_nobody_gets_in_without_encryption_and_a_login(
    house: House, open_door: int
) -> None:
    with smtplib.SMTP("127.0.0.1", open_door, timeout=30) as client:
        client.ehlo()
        assert "auth" not in client.esmtp_features
        assert client.mail("anna@nisse.test")[0] == 530
    with encrypted(open_door, house) as client:
        client.ehlo()
        assert client.mail("anna@nisse.test")[0] == 530
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("anna@nisse.test", "wrong password")


def test_who_is_logged_in_writes_as_themselves_only(house: House, open_door: int) -> None:
    with encrypted(open_door, house) as client:
        client.login("anna@nisse.test", "password of anna")
        client.sendmail("anna@nisse.test", ["nisse@localhost"], mail().as_bytes())
        with pytest.raises(smtplib.SMTPDataError, match="not yours"):
            client.sendmail("anna@nisse.test", ["nisse@localhost"], mail("bert@nisse.test").as_bytes())
    assert [message.sender for message in house.messages()] == ["anna@nisse.test"]
    assert (house.home / "door" / "certificate.pem").stat().st_mode & 0o077 == 0


def test_a_maildir_that_takes_no_file_says_so_and_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "box").write_text("in the way")
    with pytest.raises(StorageError):
        Maildir(tmp_path / "box").deliver("1.a", b"x")


def test_a_letters_name_cannot_leave_the_maildir(tmp_path: Path) -> None:
    box = Maildir(tmp_path / "box")
    box.deliver("../../x", b"hello")
    assert box.holds("../../x")
    assert [file.parent.name for file in tmp_path.rglob("*x") if file.is_file()] == ["new"]
