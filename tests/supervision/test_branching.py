"""Processes of the house as branches of supervisord, with a real supervisord and programs of the test's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.running import until
from tests.source_tree import CHECKOUT

PROGRAM = """
import json, os, signal, sys, threading, time
def main():
    facts = {
        "pid": os.getpid(), "parent": os.getppid(), "words": sys.argv[1:], "group": os.getpgrp(),
        "name": open("/proc/self/comm").read().strip(), "wish": os.environ.get("WISH"),
        "has_flask": "flask" in sys.modules, "is_branch": "supervisor.options" in sys.modules,
        "signals": [signal.getsignal(n) == signal.SIG_DFL for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)],
        "files": [name for name in os.listdir("/proc/self/fd") if int(name) > 2],
    }
    place = os.environ["PLACE"]
    with open(f"{place}/{sys.argv[1]}.new", "w") as file:
        json.dump(facts, file)
    os.replace(f"{place}/{sys.argv[1]}.new", f"{place}/{sys.argv[1]}")
    if sys.argv[1] == "brief":
        late = threading.Thread(target=lambda: (time.sleep(0.3), open(f"{place}/late", "w").close()))
        late.start()
        sys.exit(7)
    if sys.argv[1] == "broken":
        raise ValueError("a word for the log")
    while True:
        signal.pause()
"""
CONFIGURATION = """
[supervisord]
nodaemon=true
logfile={place}/supervisord.log
pidfile={place}/supervisord.pid
childlogdir={place}
[program:lasting]
command=%(ENV_NISSE_COMMAND)s lasting
environment=WISH="granted"
redirect_stderr=true
stdout_logfile={place}/lasting.log
[program:brief]
command=%(ENV_NISSE_COMMAND)s brief
autorestart=false
startsecs=0
redirect_stderr=true
stdout_logfile={place}/brief.log
[program:broken]
command=%(ENV_NISSE_COMMAND)s broken
autorestart=false
startsecs=0
redirect_stderr=true
stdout_logfile={place}/broken.log
[program:strange]
command=/bin/sh -c "echo executed; exec sleep 1000"
stdout_logfile={place}/strange.log
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which a supervisord runs the programs."""
    folder = tmp_path_factory.mktemp("branching")
    (folder / "branching_program.py").write_text(PROGRAM)
    (folder / "supervisord.conf").write_text(CONFIGURATION.format(place=folder))
    environment = os.environ | {
        "PYTHONPATH": f"{folder}:{CHECKOUT}",
        "PLACE": str(folder),
        "NISSE_COMMAND": f"{sys.executable} -m branching_program",
    }
    command = [sys.executable, "-m", "provisioning.supervision", "-c", str(folder / "supervisord.conf")]
    with (folder / "output").open("wb") as output:
        daemon = subprocess.Popen(command, env=environment, cwd=folder, stdout=output, stderr=output)
    yield folder
    daemon.terminate()
    assert daemon.wait(60) == 0
    assert not (folder / "supervisord.pid").exists()


def facts(place: Path, name: str) -> dict[str, object]:
    """What a program wrote of itself."""
    until((place / name).exists, 60, name)
    found: dict[str, object] = json.loads((place / name).read_text())
    return found


def said(place: Path, word: str) -> None:
    """Waits until supervisord's log has a word."""
    until(lambda: word in (place / "supervisord.log").read_text(), 60, word)


def test_a_process_is_a_branch_that_has_the_ground_loaded_already(place: Path) -> None:
    found = facts(place, "lasting")
    assert found["is_branch"]
    assert found["has_flask"]
    assert found["parent"] == int((place / "supervisord.pid").read_text())


def test_it_has_its_own_words_name_environment_and_group(place: Path) -> None:
    found = facts(place, "lasting")
    assert found["words"] == ["lasting"]
    assert found["name"] == "nisse-lasting"
    assert found["wish"] == "granted"
    assert found["group"] == found["pid"]


def test_nothing_of_supervisords_own_is_left_to_it(place: Path) -> None:
    found = facts(place, "lasting")
    assert found["signals"] == [True, True, True]
    assert len(found["files"]) == 1  # type: ignore[arg-type]  # the one by which it looked


def test_it_ends_by_a_signal_and_comes_back(place: Path) -> None:
    before = facts(place, "lasting")["pid"]
    os.kill(int(str(before)), signal.SIGTERM)
    until(lambda: facts(place, "lasting")["pid"] != before, 60, "another process")
    said(place, "exited: lasting (terminated by SIGTERM")


def test_its_exit_status_arrives_and_its_threads_end_first(place: Path) -> None:
    said(place, "exited: brief (exit status 7")
    assert (place / "late").exists()


def test_an_error_that_nobody_caught_stands_in_its_log(place: Path) -> None:
    said(place, "exited: broken (exit status 1")
    assert "ValueError: a word for the log" in (place / "broken.log").read_text()


def test_a_command_that_is_not_the_houses_is_executed_as_ever(place: Path) -> None:
    until(lambda: "executed" in (place / "strange.log").read_text(), 60, "the strange one")
