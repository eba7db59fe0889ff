"""A NISSE_HOME that several users share, as on the box: what each may read, and what nobody else may."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent import settings
from agent.models.catalogue import load
from agent.models.shelf import Shelf
from tests.source_tree import CHECKOUT

GROUP = 4242  # any number will do; no name is needed
PORTAL, BRAIN = 4301, 4302

AS_SOMEBODY = """
import os, sys
user, *words = sys.argv[1:]
os.setgroups([4242]); os.setresgid(int(user), int(user), int(user)); os.setresuid(int(user), int(user), int(user))
os.umask(0o007)
exec(words[0])
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The house's folder as the box makes it."""
    place = tmp_path / "nisse"
    place.mkdir()
    os.chown(place, 0, GROUP)
    place.chmod(0o1770)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    return place


def run_as(user: int, code: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Runs some Python as that user; everything is imported before the change."""
    preamble = (
        "from agent import settings, store; from pathlib import Path; import sqlite3\n"
        "from agent.models import wanted, catalogue; from agent.models.shelf import Shelf\n"
        "settings.table(); catalogue.load()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", preamble + AS_SOMEBODY, str(user), code],
        cwd=CHECKOUT, env={**os.environ, "NISSE_HOME": str(home)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


SAVE = "import os; settings.save(Path(os.environ['NISSE_HOME']), {'mail.address': 'a@b.org'})"
READ = "print(settings.load().text('mail.address'))"


@pytest.mark.root
def test_what_the_portal_saves_the_others_read_and_nobody_else(home: Path) -> None:
    for _ in range(2):  # the second replaces the first
        done = run_as(PORTAL, SAVE, home)
        assert done.returncode == 0, done.stderr
    assert run_as(BRAIN, READ, home).stdout.strip() == "a@b.org"
    status = (home / settings.FILE_NAME).stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (PORTAL, GROUP, 0o640)


@pytest.mark.root
def test_nobody_takes_anothers_file_away_or_reads_its_database(home: Path) -> None:
    path = "Path(os.environ['NISSE_HOME']) / 'portal.db'"
    made = run_as(
        PORTAL, f"import os; c = sqlite3.connect({path}); c.execute('create table t (x)'); c.commit()", home
    )
    assert made.returncode == 0, made.stderr
    assert "PermissionError" in run_as(BRAIN, f"import os; ({path}).unlink()", home).stderr
    assert "PermissionError" in run_as(BRAIN, f"import os; ({path}).read_bytes()", home).stderr


@pytest.mark.root
def test_several_work_at_one_shelf(tmp_path: Path, home: Path) -> None:
    models = home / "models"
    models.mkdir()
    os.chown(models, PORTAL, GROUP)
    models.chmod(0o2770)
    name = load().models[0].name
    code = f"m = catalogue.load().find({name!r}); s = Shelf(Path({str(models)!r}))"
    wished = run_as(BRAIN, f"{code}; wanted.wish(m, s)", home)
    assert wished.returncode == 0, wished.stderr
    worked = run_as(
        PORTAL,
        f"{code}\nwith s.alone(m): s.part(m, m.files[0]).write_text('half'); wanted.withdraw(m, s)",
        home,
    )
    assert worked.returncode == 0, worked.stderr
    again = run_as(BRAIN, f"{code}\nwith s.alone(m): s.part(m, m.files[0]).unlink()", home)
    assert again.returncode == 0, again.stderr
    assert not Shelf(models).busy(load().models[0])


def test_on_a_desk_the_settings_are_for_one_user_alone(tmp_path: Path) -> None:
    settings.save(tmp_path / "home", {"house.name": "attic"})
    assert (tmp_path / "home" / settings.FILE_NAME).stat().st_mode & 0o777 == 0o600
