"""A full disk: whoever writes is told, nothing is lost, and it goes on by itself when there is room again."""

from __future__ import annotations

import smtplib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.postoffice import PostOffice
from tests.live.running import Running, until
from tests.test_journey import ANNA, letter, mail_settings, replies_to

pytestmark = [pytest.mark.servers, pytest.mark.root, pytest.mark.timeout(300)]

_SIZE_MB = 24
_CHUNK = b"\0" * 65_536


@pytest.fixture
def small_disk(short_path: Path) -> Iterator[Path]:
    place = short_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MB}m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(place: Path) -> Path:
    """Leaves not one byte free."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for piece in (_CHUNK, b"\0"):
            try:
                while True:
                    file.write(piece)
            except OSError:
                continue
    return ballast


def test_mail_and_door_lose_nothing_on_a_full_disk(office: PostOffice, small_disk: Path) -> None:
    with Running(small_disk / "home", mail_settings(office) | {"mail.poll": "15"}) as running:
        running.start("conversation", wait_for="conversation")
        running.claim("Anna", ANNA)
        running.start("channel", "mail")
        running.start("channel", "door")
        until(running.follows_mail, 60, "the mail channel")
        host, _, port = running.settings.text("door.listen").rpartition(":")
        office.send(letter("help", subject="first", message_id="<first@nisse.test>"), ANNA)
        until(lambda: replies_to(office, ANNA, "<first@nisse.test>"), 60, "the first answer")

        ballast = fill(small_disk)
        office.send(letter("help", subject="full", message_id="<full@nisse.test>"), ANNA)
        at_the_door = letter("help", subject="door", message_id="<door@nisse.test>")
        del at_the_door["To"]
        at_the_door["To"] = "nisse@localhost"
        with (
            smtplib.SMTP(host, int(port), timeout=30) as client,
            pytest.raises(smtplib.SMTPDataError) as refused,
        ):
            client.send_message(at_the_door, ANNA, ["nisse@localhost"])
        assert refused.value.smtp_code == 452

        ballast.unlink()
        until(
            lambda: replies_to(office, ANNA, "<full@nisse.test>"),
            120,
            "the answer to what came while the disk was full",
        )
        with smtplib.SMTP(host, int(port), timeout=30) as client:
            client.send_message(at_the_door, ANNA, ["nisse@localhost"])
        inbox = running.client("conversation").get("/info")
        assert inbox["failed"] == 0
        assert len(replies_to(office, ANNA, "<full@nisse.test>")) == 1
