"""Root over its real socket, and what is made of its record: whole, torn, or of another version."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import durable
from agent.errors import ConflictError, UnavailableError, UnreachableError
from provisioning.privileged import listening
from provisioning.updates.programs import record
from provisioning.updates.programs.handing import Root, Said
from provisioning.updates.refusals import RefusedError
from tests.updates.repository import program_of

PROGRAM = record.read(json.dumps(program_of("0.5.1", b"a program")).encode())


class Helper:
    """Root's side of the socket; the test sets what it answers."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.says: dict[str, Any] = {"ok": True}

    def reply(self, question: Any, _user: str) -> dict[str, Any]:
        self.asked.append(question)
        return self.says


@pytest.fixture
def run_folder(short_path: Path) -> Path:
    """The box's /run/nisse; a socket's path must be short."""
    folder = short_path / os.urandom(4).hex()
    folder.mkdir()
    return folder


@pytest.fixture
def helper(run_folder: Path) -> Iterator[Helper]:
    helper, ending = Helper(), threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(run_folder / "helper.sock"))
        listener.listen()
        thread = threading.Thread(
            target=listening.serve,
            args=(listener, helper.reply, {os.geteuid(): "nisse-updates"}),
            kwargs={"busy": lambda: not ending.is_set(), "idle": 0},
        )
        thread.start()
        yield helper
        ending.set()
        thread.join(timeout=10)


@pytest.fixture
def root(run_folder: Path, tmp_path: Path) -> Root:
    return Root(run_folder, tmp_path / "programs", running=lambda: "0.5.0")


def install(root: Root, *, again: bool = False) -> None:
    root.install(PROGRAM, Path("/blobs/file"), Path("/updates/tuf"), again=again)


def test_what_is_asked_of_root(helper: Helper, root: Root) -> None:
    install(root)
    install(root, again=True)
    root.back()
    helper.says = {"ok": True, "working": "trial"}
    assert root.works() == "trial"
    asked = {
        "verb": "program-install",
        "path": "/blobs/file",
        "target": "programs/amd64/nisse-0.5.1.raw",
        "sha256": PROGRAM.sha256,
        "size": PROGRAM.size,
        "lists": "/updates/tuf",
    }
    assert helper.asked == [
        asked,
        asked | {"again": True},
        {"verb": "program-back"},
        {"verb": "program-status"},
    ]


def test_a_refusal_keeps_its_name(helper: Helper, root: Root) -> None:
    helper.says = {"error": {"message": "No.", "code": "update_refused", "reason": "no_way_back"}}
    with pytest.raises(RefusedError, match="could not go back") as refused:
        install(root)
    assert refused.value.reason == "no_way_back"
    helper.says = {"error": {"message": "Another is tried.", "code": "conflict", "hint": "Wait."}}
    with pytest.raises(ConflictError, match="Another is tried"):
        install(root)
    helper.says = {"error": {"message": "Strange.", "code": "update_refused", "reason": "of a later version"}}
    with pytest.raises(UnavailableError, match=r"Strange\."):
        install(root)
    helper.says = {"ok": "yes"}
    with pytest.raises(UnavailableError, match="without saying why"):
        install(root)


def test_nobody_answers(root: Root) -> None:
    with pytest.raises(UnreachableError):
        install(root)
    assert not root.is_there
    with pytest.raises(RefusedError) as refused:
        Root(None).back()
    assert refused.value.reason == "not_a_box"


def test_roots_record_is_read(root: Root, tmp_path: Path) -> None:
    kept = {"sha256": "a" * 64, "size": 7, "version": "0.5.1", "architecture": "amd64"}
    last = {"result": "committed", "sha256": "a" * 64, "version": "0.5.1", "to": "0.5.1", "at": 5}
    state = {
        "current": kept, "previous": None, "candidate": None, "committed_version": "0.5.1",
        "refused": [{"sha256": "b" * 64}], "last": last,
    }  # fmt: skip
    durable.write_sealed(tmp_path / "programs" / "state.json", state)
    said = root.said()
    assert said.current
    assert (said.current.version, said.previous, said.floor) == ("0.5.1", None, "0.5.1")
    assert said.refused == {"b" * 64}
    assert said.last
    assert said.last.key == f"committed 0.5.1 {'a' * 16} 5"
    (tmp_path / "programs" / f"{'a' * 64}.raw").touch()
    assert [each.sha256 for each in root.present()] == ["a" * 64]


@pytest.mark.parametrize(
    "state",
    [
        {"current": "0.5.1", "refused": 7, "last": [], "committed_version": None},
        {"current": {"sha256": "../../etc/passwd", "size": 1, "version": "1"}, "refused": [1, None]},
        {"current": {"sha256": "a" * 64, "size": True, "version": 1}},
    ],
)
def test_a_strange_record_says_nothing(root: Root, tmp_path: Path, state: dict[str, Any]) -> None:
    durable.write_sealed(tmp_path / "programs" / "state.json", state)
    said = root.said()
    assert (said.current, said.kept, said.last, said.floor) == (None, (), None, "")
    (tmp_path / "programs" / "state.json").write_text("torn")
    assert root.said() == Said()
