"""Power cuts at every arrow of a mail's way, in both directions: just before the step takes hold, and just after, unheard.

Each case takes one mail through real processes (mail channel, conversation) and real servers (Postfix, Dovecot), cuts the wire at one
exchange and kills -9 the process that is named. Nothing depends on chance: the wire holds the bytes back until the process is dead.

The arrows: seen (IMAP fetch) -> received (POST /messages) -> claimed (the brain is asked) -> answered (GET /replies) -> sending (POST)
-> the SMTP dialogue -> sent (POST) -> flagged (IMAP store) -> the receipt in Sent (IMAP move).
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.brain import Brain
from tests.live.interception import Side, Tls, Trap, Wire
from tests.live.postoffice import PostOffice
from tests.live.running import Running, until
from tests.test_journey import ANNA, BOX, letter, mail_settings

pytestmark = [
    pytest.mark.servers,
    pytest.mark.root,
    pytest.mark.timeout(600),
    pytest.mark.rule("E8"),
    pytest.mark.rule("E60"),
]

BOTH = ("channel", "conversation")
ARROWS: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    # the step: (on which wire, the request that takes it, who may be dead then)
    "noticed": ("imap", rb"UID SEARCH UID \d+:\*", ("channel",)),
    "seen": ("imap", rb"UID FETCH \d+ [^\r]*BODY\.PEEK\[\]", ("channel",)),
    "received": ("conversation", rb"POST /messages HTTP", BOTH),
    "claimed": ("brain", rb"POST /v1/chat/completions HTTP", ("conversation",)),
    "answered": ("conversation", rb"GET /replies\?", BOTH),
    "sending": ("conversation", rb"POST /replies/[^ ]+/sending HTTP", BOTH),
    "asked for a copy": ("imap", rb"UID SEARCH [^\r]*HEADER", ("channel",)),
    "the SMTP sender": ("smtp", rb"(?i)mail from:", ("channel",)),
    "the SMTP recipient": ("smtp", rb"(?i)rcpt to:<anna@", ("channel",)),
    "the SMTP data": ("smtp", rb"\r\n\.\r\n", ("channel",)),
    "the SMTP farewell": ("smtp", rb"(?i)quit\r\n", ("channel",)),
    "sent": ("conversation", rb"POST /replies/[^ ]+/sent HTTP", BOTH),
    "flagged": ("imap", rb"UID STORE \d+ [^\r]*Answered", ("channel",)),
    "receipt put away": ("imap", rb"UID MOVE \d+", ("channel",)),
}
CASES = [
    pytest.param(wire, request, victim, side, id=f"{victim} dies {side} {step}")
    for step, (wire, request, victims) in ARROWS.items()
    for victim in victims
    for side in ("before", "after")
]
numbers = itertools.count(1)


def answer(messages: list[dict[str, str]]) -> Iterator[str]:
    yield "On "
    yield "Monday."


class Stage:
    """A mail channel and a conversation, with a wire between any two that talk."""

    def __init__(
        self, office: PostOffice, folder: Path, brain: Brain, wires: dict[str, Wire], tls: Tls
    ) -> None:
        self.office = office
        self.brain = brain
        self.wires = wires
        port = {name: str(wire.port) for name, wire in wires.items()}
        shared = mail_settings(office) | {
            "mail.grace": "5",  # a receipt that is later counts as none
            "mail.retry": "1",
            "conversation.sender_hour": "1000",
            "conversation.sender_day": "1000",
            "conversation.house_hour": "1000",
            "conversation.note_after": "0",
        }
        to_servers = {"mail.imap_port": port["imap"], "mail.smtp_port": port["smtp"]}
        self.sides = {
            "conversation": Running(
                folder,
                shared
                | {
                    "conversation.url": f"http://127.0.0.1:{wires['conversation'].target}",
                    "brain.url": f"http://127.0.0.1:{port['brain']}",
                },
            ),
            "channel": Running(
                folder,
                shared
                | to_servers
                | {
                    "conversation.url": f"http://127.0.0.1:{port['conversation']}",
                    "mail.ca_file": str(tls.ca_file),
                },
            ),
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Starts one of the two and waits until it is at work."""
        side = self.sides[name]
        if name == "conversation":
            self.processes[name] = side.start("conversation", wait_for="conversation")
            return
        log = side.home / "channel-mail.out"

        def starts() -> int:
            text = log.read_text() if log.exists() else ""
            return text.count("mail.begins") + text.count("mail.follows")

        before = starts()
        self.processes[name] = side.start("channel", "mail")
        until(lambda: starts() > before, 60, f"the mail channel (see {log})")

    def kill(self, name: str) -> None:
        """kill -9; when this returns it is dead."""
        os.kill(self.processes[name].pid, signal.SIGKILL)
        self.processes[name].wait(20)

    def ask(self) -> str:
        """One more question of Anna's; its Message-ID."""
        number = next(numbers)
        message_id = f"<point-{number}@nisse.test>"
        mail = letter(f"When is bin {number} emptied?", subject=f"Bin {number}", message_id=message_id)
        self.office.send(mail, ANNA, BOX)
        return message_id

    def answers(self) -> Counter[str]:
        """How many answers each question has in Anna's mailbox."""
        return Counter(mail["In-Reply-To"] for mail in self.office.mailbox(ANNA) if mail["In-Reply-To"])

    def is_settled(self, message_id: str) -> bool:
        """Whether nothing is left to do: the mail is flagged, and exactly one copy of its answer lies in Sent."""
        with self.office.imap(BOX) as client:
            client.select_folder("INBOX", readonly=True)
            flags = client.get_flags(client.search(["HEADER", "Message-ID", message_id]))
            client.select_folder("Sent", readonly=True)
            copies = client.search(["HEADER", "In-Reply-To", message_id])
        return all(b"\\Answered" in of_one for of_one in flags.values()) and len(copies) == 1

    def stop(self) -> None:
        for side in self.sides.values():
            side.stop()


@pytest.fixture(scope="module")
def stage(office: PostOffice, tmp_path_factory: pytest.TempPathFactory, short_path: Path) -> Iterator[Stage]:
    from tests.live.ports import free_port

    tls = Tls(tmp_path_factory.mktemp("tls"), office.ca_file)
    with (
        Brain(answer) as brain,
        Wire(office.imap_port, tls=tls) as imap,
        Wire(office.smtp_port, tls=tls) as smtp,
        Wire(free_port()) as conversation,
        Wire(int(brain.url.rpartition(":")[2])) as thinking,
    ):
        wires = {"imap": imap, "smtp": smtp, "conversation": conversation, "brain": thinking}
        stage = Stage(office, short_path / "home", brain, wires, tls)
        stage.start("conversation")
        stage.sides["conversation"].claim("Anna", ANNA)
        stage.start("channel")
        yield stage
        stage.stop()


@pytest.mark.parametrize(("wire", "request_", "victim", "side"), CASES)
def test_a_power_cut_at_this_arrow_loses_no_mail_and_answers_none_twice(
    stage: Stage, wire: str, request_: bytes, victim: str, side: Side
) -> None:
    trap = Trap(request_, side, lambda: stage.kill(victim))
    stage.wires[wire].set_trap(trap)
    message_id = stage.ask()
    until(trap.sprung.is_set, 60, "the moment of the cut")
    stage.start(victim)
    until(lambda: stage.answers()[message_id], 90, "the answer")
    until(lambda: stage.is_settled(message_id), 90, "the end of the mail's way")
    assert stage.answers()[message_id] == 1


def test_a_brain_that_dies_in_the_middle_of_its_words_is_asked_again(stage: Stage) -> None:
    deaths: list[int] = []

    def die_once(messages: list[dict[str, str]]) -> Iterator[str]:
        yield "On "
        if not deaths:
            deaths.append(1)
            raise ConnectionError
        yield "Tuesday."

    stage.brain.script = die_once
    message_id = stage.ask()
    until(lambda: stage.answers()[message_id], 90, "the answer")
    stage.brain.script = answer
    assert deaths == [1]
    assert stage.answers()[message_id] == 1


def test_conversation_may_die_between_the_last_word_and_its_being_kept(stage: Stage) -> None:
    deaths: list[int] = []

    def kill_once(messages: list[dict[str, str]]) -> Iterator[str]:
        yield "On Wednesday."
        if not deaths:
            stage.kill("conversation")
            deaths.append(1)

    stage.brain.script = kill_once
    message_id = stage.ask()
    until(lambda: deaths, 60, "the moment of the cut")
    stage.start("conversation")
    until(lambda: stage.answers()[message_id], 90, "the answer")
    stage.brain.script = answer
    assert stage.answers()[message_id] == 1


def test_after_all_of_that_every_question_has_one_answer(stage: Stage) -> None:
    last = stage.ask()
    until(lambda: stage.answers()[last], 60, "the last answer")
    asked = next(numbers) - 1
    assert stage.answers() == {f"<point-{number}@nisse.test>": 1 for number in range(1, asked + 1)}
