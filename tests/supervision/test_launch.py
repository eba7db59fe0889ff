"""Becoming a process's own user within its own limits."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from provisioning.supervision import groups
from provisioning.supervision.profiles import MEGABYTE, PROFILES, most_memory, profile
from tests.source_tree import CHECKOUT

GIGABYTE = 1024 * MEGABYTE


@pytest.mark.parametrize(("box", "brain"), [(1, 0.5), (4, 3.3), (8, 7.3)])
def test_the_brain_leaves_the_house_its_memory(box: float, brain: float) -> None:
    most = most_memory(PROFILES["brain"], int(box * GIGABYTE))
    assert most / GIGABYTE == pytest.approx(brain, abs=0.05)


def test_the_brain_dies_first_and_the_inbox_last() -> None:
    order = sorted(PROFILES, key=lambda name: -PROFILES[name].dies)
    assert order[0] == "brain"
    assert order[-1] == "conversation"


def test_a_channel_that_somebody_adds_runs_without_a_line_here() -> None:
    assert profile("channel-matrix").user == "nisse-channel-mail"


def test_the_houses_group_is_found_above_supervisords(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("0::/system.slice/nisse.service/supervisor\n")
    assert groups.house(tmp_path, own) == tmp_path / "system.slice/nisse.service"
    own.write_text("0::/user.slice/session-1.scope\n")
    assert groups.house(tmp_path, own) is None


def test_limits_stand_before_the_process_enters(tmp_path: Path) -> None:
    (tmp_path / "cgroup.subtree_control").write_text("")
    groups.enter(tmp_path, "brain", {"memory.max": "1000"})
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"
    assert (tmp_path / "brain/memory.max").read_text() == "1000"
    assert (tmp_path / "brain/cgroup.procs").read_text() == str(os.getpid())


def test_memory_is_read_from_the_group(tmp_path: Path) -> None:
    (tmp_path / "brain").mkdir()
    (tmp_path / "brain/memory.stat").write_text("anon 5000\nfile 900\nkernel 100\nshmem 20\n")
    (tmp_path / "brain/memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert groups.memory(tmp_path, "brain") == 5120
    assert groups.killed_for_memory(tmp_path, "brain") == 2
    assert groups.memory(tmp_path, "gone") == 0
    assert groups.memory(None, "brain") == 0


PROBE = """
import json, os, sys
from provisioning.supervision import launch
from provisioning.supervision.profiles import Profile
launch._limit(Profile(user="nobody", dies=300, files=64))
launch.become("nobody")
import resource
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
try:
    os.setuid(0)
    back = True
except PermissionError:
    back = False
print(json.dumps({
    "uid": os.getuid(), "groups": os.getgroups(), "caps": status["CapEff"].strip(),
    "walls": status["NoNewPrivs"].strip(), "oom": open("/proc/self/oom_score_adj").read().strip(),
    "files": resource.getrlimit(resource.RLIMIT_NOFILE), "core": resource.getrlimit(resource.RLIMIT_CORE),
    "umask": os.umask(0), "back": back,
}))
"""


@pytest.mark.root
def test_there_is_no_way_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=60
    )
    found = json.loads(done.stdout)
    assert found["uid"] == pwd.getpwnam("nobody").pw_uid
    assert found["groups"] == []
    assert int(found["caps"], 16) == 0
    assert found["walls"] == "1"
    assert found["oom"] == "300"
    assert found["files"] == [64, 64]
    assert found["core"] == [0, 0]
    assert found["umask"] == 0o007
    assert not found["back"]


def test_a_user_that_is_missing_is_named() -> None:
    from provisioning.supervision import launch

    with pytest.raises(SystemExit, match="nisse-nobody-at-all"):
        launch.become("nisse-nobody-at-all")
