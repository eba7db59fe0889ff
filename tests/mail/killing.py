"""`make test-mail-kill`: many mails while processes are killed and the mail server restarts; every mail must get exactly one answer.

Owns: the run against real Postfix and Dovecot (feeding mails, kill -9 at random moments, restarts of Dovecot), the count, and
build/report/test-mail-kill.json. Does not know: how the house keeps its promise.

The processes are the mail channel, conversation, recall and a brain: a scripted one, or with `--real` the real one with a real model.
They are started again at once, as the supervisor does. Among the mails are some that must never be answered.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from agent.errors import NisseError
from tests.conftest import CHAT_MODEL, MODELS_FOLDER
from tests.live.postoffice import PostOffice
from tests.live.running import CHECKOUT, Running, until
from tests.measured import REPORTS, Check, measured, write
from tests.test_journey import ANNA, BOX, STRANGER, letter, mail_settings

TARGET = "test-mail-kill"
VICTIMS = ("channel", "conversation", "brain")
_UNDESERVING_EVERY = 10  # one mail that must not be answered for so many that must
_STALLED_S = 240.0  # without a single answer, once all mails are in
_WATCH_S = 0.5


@dataclass(kw_only=True)
class Report:
    """What came of a run."""

    brain: str
    mails: int = 0  # that deserve an answer
    kills: int = 0
    lost: int = 0  # mails without an answer
    twice: int = 0  # mails with more than one
    wrong: int = 0  # answers that belong to another question
    undeserving: int = 0  # mails that must not be answered
    undeserving_answered: int = 0
    dovecot_restarts: int = 0
    kills_of: dict[str, int] = field(default_factory=dict)
    own_deaths: dict[str, int] = field(default_factory=dict)  # processes that ended by themselves
    found_after_a_crash: int = 0  # answers that the channel found gone out instead of sending them again
    seconds: float = 0.0
    seed: int = 0


class Keeper:
    """Starts the processes, and starts again what died."""

    def __init__(self, running: Running, commands: dict[str, list[str]]) -> None:
        self._running = running
        self._commands = commands
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self.kills: Counter[str] = Counter()
        self.own_deaths: Counter[str] = Counter()

    def start(self, name: str) -> None:
        """Starts one; its output goes to a file in the home."""
        with (self._running.home / f"{name}.out").open("ab") as output:
            self._processes[name] = subprocess.Popen(
                [sys.executable, *self._commands[name]],
                cwd=CHECKOUT,
                env=self._running.environment,
                stdout=output,
                stderr=output,
            )

    def kill(self, name: str) -> None:
        """kill -9, and a fresh start."""
        with self._lock:
            process = self._processes[name]
            process.kill()
            process.wait()
            self.kills[name] += 1
            self.start(name)

    def revive(self) -> None:
        """Starts again what ended by itself."""
        with self._lock:
            for name, process in self._processes.items():
                if process.poll() is not None:
                    self.own_deaths[name] += 1
                    self.start(name)

    def stop(self) -> None:
        """Ends them all."""
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Mailbox:
    """Anna's mailbox as it grows: which mail answers which question. Only what is new is fetched."""

    def __init__(self, office: PostOffice, *, scripted: bool) -> None:
        self._office = office
        self._scripted = scripted
        self._last = 0
        self.answers: Counter[str] = Counter()
        self.wrong = 0

    def look(self) -> None:
        """Counts what came since the last look."""
        with self._office.imap(ANNA) as client:
            client.select_folder("INBOX", readonly=True)
            uids = [uid for uid in client.search(["UID", f"{self._last + 1}:*"]) if uid > self._last]
            found: dict[int, Any] = client.fetch(uids, ["BODY.PEEK[]"]) if uids else {}
        for uid in sorted(found):
            self._count(found[uid][b"BODY[]"])
            self._last = uid

    def _count(self, content: bytes) -> None:
        mail = message_from_bytes(content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        question = str(mail["In-Reply-To"] or "")
        if not question:
            return
        self.answers[question] += 1
        part = mail.get_body(("plain",))
        number = question.partition("-")[2].partition("@")[0]
        said = str(part.get_content()) if part else ""
        fits = not self._scripted or f"question is {number}." in said
        if f"Mail {number}" not in str(mail["Subject"]) or not said or not fits:
            self.wrong += 1


def deserving(number: int) -> EmailMessage:
    """A question of Anna's."""
    return letter(
        f"What is the number {number}?", subject=f"Mail {number}", message_id=f"<mail-{number}@nisse.test>"
    )


def undeserving(number: int) -> EmailMessage:
    """A mail that nobody may answer: a stranger's, a machine's or a list's."""
    sender = STRANGER if number % 3 == 0 else ANNA
    mail = letter(
        "Hello?", subject=f"Silent {number}", message_id=f"<silent-{number}@nisse.test>", sender=sender
    )
    if number % 3 == 1:
        mail["Auto-Submitted"] = "auto-replied"
    if number % 3 == 2:
        mail["List-Id"] = "<bins.nisse.test>"
    return mail


def run(office: PostOffice, home: Path, wanted: argparse.Namespace) -> Report:
    """One run from the first mail to the last answer."""
    chance = random.Random(wanted.seed)
    running = Running(home, _settings(office, home, real=wanted.real))
    keeper = Keeper(running, _commands(running, real=wanted.real))
    report = Report(brain=CHAT_MODEL if wanted.real else "scripted", seed=wanted.seed)
    began = time.monotonic()
    box = Mailbox(office, scripted=not wanted.real)
    try:
        _open(running, keeper, real=wanted.real)
        _feed_and_kill(office, keeper, wanted, chance, report)
        _wait_for_answers(running, keeper, box, wanted)
        _last_word(office, keeper, box, wanted.mails)
    finally:
        keeper.stop()
        running.stop()
    _judge(report, keeper, box, wanted)
    report.found_after_a_crash = (home / "channel.out").read_text(errors="replace").count("reply.found")
    report.seconds = round(time.monotonic() - began, 1)
    return report


def _settings(office: PostOffice, home: Path, *, real: bool) -> dict[str, str]:
    many = {f"conversation.{name}": "100000" for name in ("sender_hour", "sender_day", "house_hour")}
    no_models = home.parent / "no-models"
    no_models.mkdir()
    return (
        mail_settings(office)
        | many
        | {"mail.grace": "10", "mail.retry": "1", "conversation.note_after": "0"}
        | {"conversation.max_answer": "16"}
        | {"models.folder": str(MODELS_FOLDER if real else no_models)}
    )


def _commands(running: Running, *, real: bool) -> dict[str, list[str]]:
    port = running.settings.text("brain.url").rpartition(":")[2]
    scripted = ["-m", "tests.mail.scripted_brain", port]
    return {
        "brain": ["-m", "agent", "brain"] if real else scripted,
        "recall": ["-m", "agent", "recall"],
        "conversation": ["-m", "agent", "conversation"],
        "channel": ["-m", "agent", "channel", "mail"],
    }


def _open(running: Running, keeper: Keeper, *, real: bool) -> None:
    running.home.mkdir(parents=True, exist_ok=True)
    for name in ("brain", "recall", "conversation"):
        keeper.start(name)
        until(lambda name=name: running.answers(name), 90, name)  # type: ignore[misc]
    if real:
        until(lambda: (running.answers("brain") or {}).get("ready"), 180, "a brain with a model")
    running.claim("Anna", ANNA)
    keeper.start("channel")
    log = running.home / "channel.out"
    until(lambda: "mail.begins" in log.read_text(), 60, "the mail channel")


def _feed_and_kill(
    office: PostOffice, keeper: Keeper, wanted: argparse.Namespace, chance: random.Random, report: Report
) -> None:
    """Everything at moments that chance chose beforehand, in the order of their moments."""
    silent = max(1, wanted.mails // _UNDESERVING_EVERY)
    plan = [(chance.uniform(0, wanted.seconds), "mail", number) for number in range(wanted.mails)]
    plan += [(chance.uniform(0, wanted.seconds), "silent", number) for number in range(silent)]
    plan += [(chance.uniform(1, wanted.seconds), "kill", number) for number in range(wanted.kills)]
    plan += [
        (wanted.seconds * (number + 0.5) / wanted.restarts, "restart", number)
        for number in range(wanted.restarts)
    ]
    began = time.monotonic()
    for moment, what, number in sorted(plan):
        time.sleep(max(0.0, began + moment - time.monotonic()))
        if what == "mail":
            office.send(deserving(number), ANNA, BOX)
        elif what == "silent":
            office.send(undeserving(number), STRANGER if number % 3 == 0 else ANNA, BOX)
        elif what == "kill":
            keeper.kill(chance.choice(VICTIMS))
        else:
            office.restart_dovecot()
            report.dovecot_restarts += 1
        keeper.revive()
        _tell(what, number, wanted)
    report.mails, report.undeserving = wanted.mails, silent


def _tell(what: str, number: int, wanted: argparse.Namespace) -> None:
    if what == "restart" or (what == "mail" and number % max(1, wanted.mails // 10) == 0):
        sys.stdout.write(f"{time.strftime('%H:%M:%S')} {what} {number}\n")
        sys.stdout.flush()


def _wait_for_answers(running: Running, keeper: Keeper, box: Mailbox, wanted: argparse.Namespace) -> None:
    """Until every mail is answered and nothing is under way, or nothing has moved for long."""
    progress, moved_at = -1, time.monotonic()
    while time.monotonic() - moved_at < _STALLED_S:
        keeper.revive()
        box.look()
        done = sum(1 for number in range(wanted.mails) if box.answers[f"<mail-{number}@nisse.test>"])
        if done > progress:
            progress, moved_at = done, time.monotonic()
        if done == wanted.mails and _is_quiet(running):
            return
        time.sleep(_WATCH_S)


def _is_quiet(running: Running) -> bool:
    try:
        info = running.client("conversation").get("/info", timeout=5)
    except NisseError:
        return False
    return not (info["waiting"] or info["answering"] or info["outgoing"])


def _last_word(office: PostOffice, keeper: Keeper, box: Mailbox, number: int) -> None:
    """One more mail: once it is answered, whatever was still under way before it has arrived too."""
    office.send(deserving(number), ANNA, BOX)
    end = time.monotonic() + _STALLED_S
    while not box.answers[f"<mail-{number}@nisse.test>"] and time.monotonic() < end:
        keeper.revive()
        box.look()
        time.sleep(_WATCH_S)


def _judge(report: Report, keeper: Keeper, box: Mailbox, wanted: argparse.Namespace) -> None:
    counts = [box.answers[f"<mail-{number}@nisse.test>"] for number in range(wanted.mails + 1)]
    report.mails += 1
    report.lost = counts.count(0)
    report.twice = sum(1 for count in counts if count > 1)
    report.wrong = box.wrong
    report.undeserving_answered = sum(
        count for question, count in box.answers.items() if question.startswith("<silent-")
    )
    report.kills_of = dict(keeper.kills)
    report.kills = keeper.kills.total()
    report.own_deaths = dict(keeper.own_deaths)


def checks(report: Report, wanted: argparse.Namespace) -> list[Check]:
    """The figures with their goals.

    Args:
        report: What came of the run.
        wanted: What was asked for.
    """
    return [
        Check(name="mails", value=report.mails, goal=f">= {wanted.mails}"),
        Check(name="kills", value=report.kills, goal=f">= {wanted.kills}"),
        Check(name="lost", value=report.lost, goal="<= 0"),
        Check(name="twice", value=report.twice, goal="<= 0"),
        Check(name="wrong_answers", value=report.wrong, goal="<= 0"),
        Check(name="undeserving_answered", value=report.undeserving_answered, goal="<= 0"),
        Check(name="dovecot_restarts", value=report.dovecot_restarts, goal=f">= {wanted.restarts}"),
        Check(name="own_deaths", value=sum(report.own_deaths.values()), goal="<= 0"),
        Check(name="seconds", value=report.seconds, unit="s"),
    ]


def _keep(report: Report, found: list[Check]) -> None:
    """The run with the real model has a place of its own in the report, beside the other's."""
    file = REPORTS / f"{TARGET}.json"
    if report.brain == "scripted" or not file.exists():
        write(TARGET, found, run=asdict(report))
        return
    known = json.loads(file.read_text(encoding="utf-8"))
    earlier = [
        Check(**{key: one[key] for key in ("name", "value", "unit", "goal")})
        for one in known["checks"]
        if not one["name"].startswith("real_")
    ]
    beside = [replace(one, name=f"real_{one.name}") for one in found]
    write(TARGET, [*earlier, *beside], run=known.get("run"), real_run=asdict(report))


def main() -> int:
    """Runs, reports, and returns the exit status."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--mails", type=int, default=1000)
    asked.add_argument("--kills", type=int, default=210)
    asked.add_argument("--restarts", type=int, default=5, help="of Dovecot")
    asked.add_argument("--seconds", type=float, default=900.0, help="over which mails and kills are spread")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--real", action="store_true", help="a real model answers")
    wanted = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="nisse-") as folder, PostOffice(Path(folder)) as office:
        report = run(office, Path(folder) / "home", wanted)
    found = checks(report, wanted)
    _keep(report, found)
    return measured(found)


if __name__ == "__main__":
    sys.exit(main())
