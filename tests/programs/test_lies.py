"""Updates lies to root, or lays down what is not so: root takes nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.release.publishing import Publisher, program_file

from .asking_box import FITTING, Box


def strangers_lists(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    """Everything right, but signed by somebody else."""
    other = Publisher(box.folder / "stranger")
    signed = other.add_program(program_file(box.folder / "made", "0.5.1", **FITTING))
    shutil.rmtree(box.updates / "tuf")
    return box.fetch(signed, other)


def altered_list(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    """The list names the thief's file; the signature is of the old one."""
    for path in (box.updates / "tuf").rglob("programs.json"):
        row = json.loads(path.read_text())
        row["signed"]["targets"][asked["target"]]["hashes"]["sha256"] = "0" * 64
        path.write_text(json.dumps(row))
    return asked


def models_sign_for_it(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    """The list of models, as the list of programs."""
    for path in (box.updates / "tuf").rglob("programs.json"):
        path.write_bytes(path.with_name("models.json").read_bytes())
    return asked


def altered_record(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    """The record says that the box could go back."""
    for path in (box.updates / "tuf" / "records").iterdir():
        path.write_bytes(path.read_bytes().replace(b"0.5.0", b"0.4.0"))
    return asked


def no_lists(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    shutil.rmtree(box.updates / "tuf")
    return asked


def lists_behind_a_link(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    (box.updates / "tuf").rename(box.folder / "elsewhere")
    (box.updates / "tuf").symlink_to(box.folder / "elsewhere")
    return asked


def lists_elsewhere(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    shutil.copytree(box.updates / "tuf", box.folder / "elsewhere", symlinks=True)
    return {**asked, "lists": str(box.folder / "elsewhere")}


def a_way_out(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "path": f"{box.updates}/../../../../etc/passwd"}


def current_leads_out(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    link = box.updates / "tuf" / "current"
    real = link.resolve()
    link.unlink()
    link.symlink_to(real)
    return asked


def endless_list(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    for path in (box.updates / "tuf").rglob("programs.json"):
        path.write_bytes(b" " * (3 << 20))
    return asked


def a_pipe_for_a_list(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    for path in (box.updates / "tuf").rglob("programs.json"):
        path.unlink()
        os.mkfifo(path)
    return asked


def another_target(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "target": "programs/amd64/nisse-9.raw"}


def another_hash(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "sha256": "0" * 64}


def another_size(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "size": asked["size"] + 1}


def size_of_another_kind(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "size": str(asked["size"])}


def a_link_for_a_file(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    path = Path(asked["path"])
    path.rename(box.folder / "aside")
    path.symlink_to(box.folder / "aside")
    return asked


def a_folder_for_a_file(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    Path(asked["path"]).unlink()
    Path(asked["path"]).mkdir()
    return asked


def a_pipe_for_a_file(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    Path(asked["path"]).unlink()
    os.mkfifo(asked["path"])
    return asked


def a_file_elsewhere(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "path": str(shutil.copyfile(asked["path"], box.folder / "elsewhere.raw"))}


def nothing_said(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {}


def numbers_for_texts(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return dict.fromkeys(asked, 7)


def a_nought(box: Box, asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "path": "/data\0/x"}


LIES = (
    strangers_lists, altered_list, models_sign_for_it, altered_record, no_lists, lists_behind_a_link, lists_elsewhere, a_way_out,
    current_leads_out, endless_list, a_pipe_for_a_list, another_target, another_hash, another_size, size_of_another_kind,
    a_link_for_a_file, a_folder_for_a_file, a_pipe_for_a_file, a_file_elsewhere, nothing_said, numbers_for_texts, a_nought,
)  # fmt: skip


@pytest.mark.parametrize("lie", LIES, ids=lambda each: each.__name__)
def test_root_believes_updates_nothing(
    box: Box, asked: dict[str, Any], lie: Callable[[Box, dict[str, Any]], dict[str, Any]]
) -> None:
    said = box.install(lie(box, asked))
    assert "error" in said, said
    assert not box.is_taken()
    assert not list(box.places.programs.glob("*.raw"))
    assert not box.system.calls
