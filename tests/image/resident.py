"""Somebody who lives with the box: claims it, teaches it, writes to its door, reads the answers. All from outside, as people do.

Owns: the browser's and the mail program's part.
Does not know: the machine beyond its two ports.
"""

from __future__ import annotations

import contextlib
import html
import re
import smtplib
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import httpx

NAME, ADDRESS, PASSWORD = "Anna", "anna@lindqvist-7731.example", "seven lighthouse keepers whistle at noon"
HOUSE = "nisse@localhost"
CODE = re.compile(r"Claim code:\s+([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})\b")
_TOKEN = re.compile(r'name="csrf" (?:value|content)="([0-9a-f]+)"')
_LETTER = re.compile(r"<summary><b>(.*?)</b>.*?<div class=\"words\">(.*?)</div>", re.DOTALL)
_SLOW_S = 120.0  # an emulated box computes a password's hash for a while
_WAKING_S = 180.0
_NOT_AWAKE = "awake yet"
_PROBLEM = '<p class="notice">'
_NOTE = "I have your message."  # how a note begins that the answer takes long


@dataclass(frozen=True, kw_only=True)
class Letter:
    """An answer that waits in the house."""

    subject: str
    text: str


class Resident:
    """The owner's browser and mail program."""

    def __init__(self, url: str, door_port: int) -> None:
        """Nothing is opened yet.

        Args:
            url: The portal's.
            door_port: The mail door's port on this machine.
        """
        self._url = url
        self._door_port = door_port
        # No connection is kept: the box goes and comes while somebody lives with it.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(
            base_url=url, timeout=_SLOW_S, trust_env=False, headers={"Origin": url}, limits=limits
        )

    def close(self) -> None:
        """Closes the browser."""
        self._http.close()

    def claim(self, code: str, *, address: str = ADDRESS) -> None:
        """Goes through the wizard to its end, without a mail account; under this address, the owner's."""
        self._until_awake()
        assert self._post("/setup/code", {"code": code}, page="/setup").status_code == 303, (
            "the code was refused"
        )
        person = {"name": NAME, "address": address, "password": PASSWORD}
        made = self._post("/setup/owner", person, page="/setup")
        assert made.headers.get("location") == "/setup/mail", made.text[-800:]
        self._post("/setup/mail", {"skip": "1"}, page="/setup/mail")
        assert self._http.get("/setup/done").status_code == 200

    def logs_in(self) -> None:
        """Logs in with the owner's address; while a part of the house is still waking up, again, as the page says."""
        self._until_awake()
        self._http.cookies.clear()
        end = time.monotonic() + _WAKING_S
        while True:
            answer = self._post("/login", {"address": ADDRESS, "password": PASSWORD}, page="/login")
            if _NOT_AWAKE not in answer.text or time.monotonic() > end:
                break
            time.sleep(2)
        assert answer.status_code == 303, answer.text[-800:]

    def teach(self, name: str, text: str, *, status: int = 201) -> dict[str, object]:
        """Brings a document for the whole house; while a part of it is still waking up, again, as the page says."""
        end = time.monotonic() + _WAKING_S
        while True:
            answer = self._http.post(
                "/documents",
                data={"audience": "house"},
                files={"file": (name, text.encode(), "text/plain")},
                headers={"X-CSRF-Token": self._token("/documents")},
            )
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > end:
                break
            time.sleep(2)
        assert answer.status_code == status, answer.text[-800:]
        return dict(answer.json())

    def documents(self) -> list[str]:
        """The names of what the house was taught; while a part of it is still waking up, asks again, as the page says."""
        end = time.monotonic() + _WAKING_S
        while True:
            page = self.page("/documents")
            if _PROBLEM not in page or time.monotonic() > end:
                return re.findall(r'<b class="name">(.*?)</b>', page)
            time.sleep(1)

    def page(self, path: str) -> str:
        """A page as the browser gets it."""
        answer = self._http.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer.text

    def says(self, path: str, form: Mapping[str, str], *, page: str) -> None:
        """Presses a button of a page.

        Raises:
            AssertionError: The house does not do it; what it says is shown.
        """
        answer = self._post(path, form, page=page)
        assert answer.status_code == 303, f"{path}: {answer.status_code} {answer.text[-800:]}"

    def is_told(self, path: str, form: Mapping[str, str], *, page: str) -> str:
        """Sends what no button of a page would send.

        Returns:
            What the house says to it.

        Raises:
            AssertionError: It is done.
        """
        answer = self._post(path, form, page=page)
        assert answer.status_code >= 400, f"{path}: {answer.status_code}"
        return html.unescape(answer.text)

    def letters(self) -> list[Letter]:
        """The answers that wait, newest first; not the notes that one will take long."""
        found = _LETTER.findall(self.page("/letters"))
        letters = [
            Letter(subject=html.unescape(subject), text=html.unescape(text)) for subject, text in found
        ]
        return [letter for letter in letters if not letter.text.lstrip().startswith(_NOTE)]

    def until_answered(self, subject: str, seconds: float) -> Letter:
        """The answer to a mail with this subject, as soon as it is there.

        Raises:
            AssertionError: It did not come.
        """
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(httpx.HTTPError):
                for letter in self.letters():
                    if letter.subject == f"Re: {subject}":
                        return letter
            assert time.monotonic() < end, f"no answer to {subject!r} within {seconds:.0f} s"
            time.sleep(1)

    def write(self, mail: EmailMessage, *, seconds: float = 60.0) -> None:
        """Hands a mail in at the door, encrypted and with a password; returns when the house has it.

        Raises:
            OSError: It was not taken; smtplib's errors are such.
        """
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = (
            False,
            ssl.CERT_NONE,
        )  # the box made its certificate itself
        with smtplib.SMTP("127.0.0.1", self._door_port, timeout=seconds) as door:
            door.starttls(context=context)
            door.login(ADDRESS, PASSWORD)
            door.send_message(mail, ADDRESS, [HOUSE])

    def write_until_taken(self, mail: EmailMessage, seconds: float) -> None:
        """As a mail server does: the same mail again until the house says that it has it."""
        end, refusal = time.monotonic() + seconds, ""
        while time.monotonic() < end:
            try:
                self.write(mail)
            except OSError as refused:
                refusal = str(refused)
                time.sleep(1)
            else:
                return
        raise AssertionError(f"the door did not take the mail: {refusal}")

    def _until_awake(self, seconds: float = _WAKING_S) -> None:
        """Waits until the portal has found the services behind it."""
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(httpx.HTTPError):
                answer = self._http.get("/setup", follow_redirects=True)
                if answer.status_code == 200 and _TOKEN.search(answer.text):
                    return
            assert time.monotonic() < end, "the house does not wake up"
            time.sleep(0.5)

    def _token(self, page: str) -> str:
        answer = self._http.get(page)
        found = _TOKEN.search(answer.text)
        assert found, f"{page} has no form: {answer.status_code}"
        return found[1]

    def _post(self, path: str, form: Mapping[str, str], *, page: str) -> httpx.Response:
        return self._http.post(path, data={**form, "csrf": self._token(page)})


def letter(subject: str, text: str) -> EmailMessage:
    """A mail of the owner's to the house."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = ADDRESS, HOUSE, subject
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="example.org")
    mail.set_content(text)
    return mail
