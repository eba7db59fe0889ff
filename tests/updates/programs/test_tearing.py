"""Whatever is torn of what this side keeps about an update of Nisse: a whole version runs, and the update comes to some end."""

from __future__ import annotations

import logging
import random
import shutil
from pathlib import Path

import pytest

from provisioning.programs import installing, starting
from provisioning.programs.state import Book
from tests.release.publishing import Publisher, program_file
from tests.updates import tearing
from tests.updates.programs.box import PYTHON, BoxWithPrograms

_MOST_STEPS = 80
_PICKED = 30


def test_no_torn_file_makes_anything_run_that_was_not_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "KEEP_FREE", 0)
    logging.getLogger("provisioning").setLevel(logging.ERROR)
    publisher = Publisher(tmp_path / "repository")
    publisher.add_program(program_file(tmp_path / "built", "0.5.1", python=PYTHON))
    cases = []
    for step in ("offered", "reserved", "downloading", "verified", "handed", "reported"):
        kept = tmp_path / "kept" / step
        box = a_box(kept, publisher)
        box.check()
        box.until(step)
        files = [path.relative_to(kept) for path in (box.updates / "programs").rglob("*") if path.is_file()]
        cases += [(step, file, way) for file in sorted(files) for way in tearing._FILES]
    assert len(cases) > 100
    for step, file, way in random.Random(5).sample(cases, _PICKED):
        folder = tmp_path / "torn"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "kept" / step, folder, symlinks=True)
        (folder / file).chmod(0o600)
        way(folder / file)
        trouble = looked(a_box(folder, publisher))
        assert not trouble, (step, file, way, trouble)


def a_box(folder: Path, publisher: Publisher) -> BoxWithPrograms:
    return BoxWithPrograms(folder, root=publisher.root, urls=[publisher.url], policy="automatic")


def looked(box: BoxWithPrograms) -> str:
    """What is wrong after it went on as far as it goes; empty: nothing."""
    box.check()
    for _ in range(_MOST_STEPS):
        box.step()
        state = Book(box.places).read()
        found = next((each for each in state.programs if each.sha256 == starting.runs(box.places)), None)
        if found and not starting.is_whole(Book(box.places).file(found), found):
            return "what runs is not whole"
        if box.machine.parts.book.history() and not box.machine.record.busy:
            break
    outcomes = {each.outcome for each in box.machine.parts.book.history()}
    expected = "0.5.1" if "committed" in outcomes else "0.5.0"
    if not outcomes or box.running != expected:
        return f"{outcomes}: {box.running} runs, {box.machine.record}, {box.machine.trouble}"
    return ""
