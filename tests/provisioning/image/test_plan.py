"""The plan: all steps, printed without doing any."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

import pytest

from agent.errors import NotFoundError
from provisioning.image import board as boards
from provisioning.image.job import EMBEDDER, Job
from provisioning.image.plan import plan


def printed(job: Job) -> str:
    return "\n".join(line for step in plan(job) for line in step.lines())


def test_planning_makes_nothing(job: Job, tmp_path: Path) -> None:
    assert printed(job)
    assert not list(tmp_path.iterdir())


def test_the_same_job_has_the_same_plan(job: Job) -> None:
    assert printed(job) == printed(dataclasses.replace(job))


def test_the_tree_is_there_before_anything_is_put_in_and_packed_after_all_of_it() -> None:
    job = Job(
        checkout=Path(), board=boards.load("arm64"), common=boards.common(), version="1", epoch=1,
        lock="llama-cpp-python==1 --hash=sha256:aa", python="python",
    )  # fmt: skip
    names = [step.name for step in plan(job)]
    order = (
        "rootfs",
        "unpack",
        "environment",
        "overlay",
        "models",
        "esp",
        "inventory",
        "slot",
        "disk",
        "pack",
    )
    assert [name for name in names if name in order] == list(order)
    assert names.index("wheels") < names.index("engine") < names.index("environment")


def test_no_step_mounts_or_loops_or_starts_a_container(job: Job) -> None:
    for forbidden in ("mount ", "losetup", "kpartx", "docker", "podman"):
        assert f"    {forbidden}" not in printed(job)


def test_no_mirror_is_named_unless_the_user_names_one(job: Job) -> None:
    assert "://" not in printed(job)
    assert "http://mirror.example/debian" in printed(
        dataclasses.replace(job, mirrors=("http://mirror.example/debian",))
    )


def test_the_backports_are_pinned_to_what_the_board_names(job: Job) -> None:
    assert "trixie-backports" not in printed(job)
    board = dataclasses.replace(job.board, backports=("linux-*",))
    lines = printed(dataclasses.replace(job, board=board))
    assert "trixie-backports" in lines
    assert "Package: linux-*" in lines


def test_an_image_without_a_chat_model_still_has_the_embedder(job: Job) -> None:
    lines = printed(dataclasses.replace(job, model=""))
    assert EMBEDDER in lines
    assert job.model not in lines


def test_the_plan_can_end_early_and_names_the_steps_when_asked_for_another(job: Job) -> None:
    assert [step.name for step in plan(job, until="rootfs")][-1] == "rootfs"
    with pytest.raises(NotFoundError, match="wheels, engine, rootfs"):
        plan(job, until="breakfast")


def test_what_takes_long_is_kept_over_a_new_commit_but_not_over_a_new_package(job: Job) -> None:
    def keys(other: Job) -> dict[str, str]:
        return {step.name: step.key for step in plan(other) if step.product}

    board = dataclasses.replace(job.board, packages=(*job.board.packages, "cowsay"))
    assert set(keys(job)) == {"wheels", "engine", "rootfs"}
    assert keys(dataclasses.replace(job, epoch=job.epoch + 60, version="9")) == keys(job)
    assert keys(dataclasses.replace(job, board=board))["rootfs"] != keys(job)["rootfs"]
    assert (
        keys(dataclasses.replace(job, lock=f"{job.lock}\nx==1 --hash=sha256:aa"))["wheels"]
        != keys(job)["wheels"]
    )


def test_a_line_of_the_plan_can_be_given_to_a_shell(job: Job) -> None:
    lines = [
        line
        for step in plan(job)
        for line in step.lines()
        if line.startswith("    ") and "# " not in line[:6]
    ]
    assert any(shlex.split(line)[0] == "chroot" or "chroot" in shlex.split(line) for line in lines)
    bootstrap = next(shlex.split(line) for line in lines if "mmdebstrap" in line)
    assert "--architectures=amd64" in bootstrap
    assert "SOURCE_DATE_EPOCH=1767225600" in bootstrap


def test_bytecode_is_made_by_the_trees_own_python_or_by_a_native_one_of_the_same_suite(job: Job) -> None:
    boards_there = {
        kind.is_this_machine: name
        for name, kind in (("pc", boards.load("pc").kind), ("arm64", boards.load("arm64").kind))
    }
    own = dataclasses.replace(job, board=boards.load(boards_there[True]))
    foreign = dataclasses.replace(job, board=boards.load(boards_there[False]))
    assert f"chroot {own.tree} /usr/bin/python3 -X no_debug_ranges -m compileall" in printed(own)
    assert f"chroot {foreign.out / 'native'} /usr/bin/python3 -X no_debug_ranges -m compileall" in printed(
        foreign
    )
