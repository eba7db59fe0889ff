"""`make test-mail-idle`: what the mail channel needs while nothing happens, and what an answered mail costs the disk.

Owns: the run against real Postfix and Dovecot with a scripted brain, and build/report/test-mail-idle.json. Does not know: how the channel
saves. Bytes are those that the kernel counts as handed to the disk for a process (`write_bytes` in /proc/PID/io), its log included.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from agent.errors import NisseError
from tests.fakes.brain import Brain
from tests.live.postoffice import PostOffice
from tests.live.running import CHECKOUT, Running, until
from tests.measured import Check, measured, write
from tests.test_journey import ANNA, letter, mail_settings

TARGET = "test-mail-idle"
_SETTLED_S = 30.0  # after the start, before anything is counted
_ANSWERED_S = 600.0
_MEGABYTE = 1_000_000
_MOST = "100000"


@dataclass(kw_only=True)
class Report:
    """What was measured."""

    idle_minutes: float
    channel_rss_mb: float = 0.0  # while nothing happens, after the answers
    channel_own_mb: float = 0.0  # of that, what no other process shares
    channel_cpu_seconds_per_hour: float = 0.0
    bytes_per_idle_hour: dict[str, int] = field(default_factory=dict)  # by process
    answered: int = 0
    bytes_per_answer: dict[str, int] = field(default_factory=dict)  # by process
    bytes_per_answer_in_all: int = 0


def measure(minutes: float, mails: int) -> Report:
    """Starts the house around its mail channel, lets it idle, and then answers.

    Args:
        minutes: How long it idles.
        mails: How many mails are answered.
    """
    report = Report(idle_minutes=minutes)
    build = CHECKOUT / "build"
    build.mkdir(exist_ok=True)
    with ExitStack() as opened:
        # On a disk: in /tmp, which may be memory, no byte would count.
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="mail-idle-", dir=build)))
        office = opened.enter_context(PostOffice(folder))
        brain = opened.enter_context(Brain(_answer))
        limits = {f"conversation.{name}": _MOST for name in ("sender_hour", "sender_day", "house_hour")}
        values = mail_settings(office) | limits | {"brain.url": brain.url, "mail.poll": "60"}
        running = opened.enter_context(Running(folder / "home", values))
        processes = _start(running)
        time.sleep(_SETTLED_S)
        before, began, cpu = _written(processes), time.monotonic(), _cpu(processes["channel"])
        time.sleep(minutes * 60)
        hours = (time.monotonic() - began) / 3600
        report.bytes_per_idle_hour = _each(before, _written(processes), hours)
        report.channel_cpu_seconds_per_hour = round((_cpu(processes["channel"]) - cpu) / hours, 1)
        before = _written(processes)
        report.answered = _ask_and_wait(office, running, mails)
        time.sleep(_SETTLED_S)  # the marks, the memories
        report.bytes_per_answer = _each(before, _written(processes), max(1, report.answered))
        report.bytes_per_answer_in_all = sum(report.bytes_per_answer.values())
        memory = processes["channel"].memory_full_info()
        report.channel_rss_mb = round(memory.rss / _MEGABYTE, 1)
        report.channel_own_mb = round(memory.uss / _MEGABYTE, 1)
    return report


def _answer(_messages: list[dict[str, str]]) -> Iterator[str]:
    yield from ("The bins are emptied on Monday, ", "the paper every second Thursday.")


def _start(running: Running) -> dict[str, psutil.Process]:
    started = {name: running.start(name, wait_for=name) for name in ("recall", "conversation")}
    running.claim()
    started["channel"] = running.start("channel", "mail")
    until(running.follows_mail, 60, "the mail channel")
    return {name: psutil.Process(process.pid) for name, process in started.items()}


def _ask_and_wait(office: PostOffice, running: Running, mails: int) -> int:
    for number in range(mails):
        question = letter(
            f"Question {number}: when are the bins emptied?",
            subject=f"Bins {number}",
            message_id=f"<{number}@nisse.test>",
        )
        office.send(question, ANNA)

    def is_done() -> bool:
        try:
            outgoing = running.client("conversation").get("/info")["outgoing"]
        except NisseError:
            return False
        return not outgoing and len(office.mailbox(ANNA)) >= mails

    until(is_done, _ANSWERED_S, f"{mails} answers")
    return len({mail["In-Reply-To"] for mail in office.mailbox(ANNA)})


def _written(processes: dict[str, psutil.Process]) -> dict[str, int]:
    return {name: int(process.io_counters().write_bytes) for name, process in processes.items()}


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _each(before: dict[str, int], after: dict[str, int], count: float) -> dict[str, int]:
    return {name: round((after[name] - before[name]) / count) for name in before}


def main() -> int:
    """Measures, prints and writes. Fails if not every mail was answered."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--mails", type=int, default=50)
    given = parser.parse_args()
    report = measure(given.minutes, given.mails)
    found = [
        Check(name="channel_rss", value=report.channel_rss_mb, unit="MB"),
        Check(name="channel_own_memory", value=report.channel_own_mb, unit="MB"),
        Check(name="channel_cpu_per_hour", value=report.channel_cpu_seconds_per_hour, unit="s"),
        Check(name="bytes_per_idle_hour", value=sum(report.bytes_per_idle_hour.values()), unit="bytes"),
        Check(name="bytes_per_answer", value=report.bytes_per_answer_in_all, unit="bytes"),
        Check(name="answered", value=report.answered, goal=f">= {given.mails}"),
    ]
    write(TARGET, found, run=asdict(report))
    return measured(found)


if __name__ == "__main__":
    sys.exit(main())
