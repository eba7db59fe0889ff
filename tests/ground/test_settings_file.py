"""The settings' files: secrets of one process apart from what all may read, and both changed at one instant."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent import settings, settings_file
from agent.errors import SettingsError
from agent.settings import Settings
from tests.source_tree import CHECKOUT

PASSWORD = "a password of the mailbox"


def loaded(home: Path) -> Settings:
    return settings.load({"NISSE_HOME": str(home)})


def shared(home: Path) -> dict[str, Any]:
    return tomllib.loads((home / settings.FILE_NAME).read_text())


def everything(home: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(home)): file.read_bytes()
        for file in home.rglob("*")
        if file.is_file() and not file.name.endswith(".lock")
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a folder of secrets for three processes."""
    for name in ("brain", "channel-mail", "channel-door"):
        (tmp_path / "home" / "secrets" / name).mkdir(parents=True)
    return tmp_path / "home"


def test_on_a_desk_all_stands_in_one_file(tmp_path: Path) -> None:
    settings.save(tmp_path, {"mail.password": PASSWORD, "mail.address": "nisse@example.org"})
    assert shared(tmp_path) == {"mail": {"password": PASSWORD, "address": "nisse@example.org"}}
    assert not settings.part_secrets(tmp_path)
    assert list(everything(tmp_path)) == [settings.FILE_NAME]


def test_a_secret_stands_with_its_process_and_the_rest_where_all_may_read_it(home: Path) -> None:
    settings.save(
        home, {"mail.password": PASSWORD, "mail.address": "nisse@example.org", "mail.imap_port": 143}
    )
    settings.save(
        home, {"brain.remote_key": "a key", "door.relay_password": "another", "brain.token": "for many"}
    )
    assert shared(home) == {
        "mail": {"address": "nisse@example.org", "imap_port": 143},
        "brain": {"token": "for many"},
        "door": {},
        "secrets": {"channel-mail": 1, "brain": 1, "channel-door": 1},
    }
    values = loaded(home)
    assert values.secret("mail.password").reveal() == PASSWORD
    assert values.secret("brain.remote_key").reveal() == "a key"
    assert values.secret("door.relay_password").reveal() == "another"
    assert values.number("mail.imap_port") == 143


def test_further_mailboxes_have_their_secrets_there_too_and_take_them_along(home: Path) -> None:
    settings.save(home, {"mail.more.garden.password": PASSWORD, "mail.more.garden.address": "g@example.org"})
    assert PASSWORD.encode() not in (home / settings.FILE_NAME).read_bytes()
    assert loaded(home).entry("mail", "garden").secret("mail.password").reveal() == PASSWORD
    settings.remove(home, "mail", "garden")
    assert loaded(home).further("mail") == ()
    assert not any(PASSWORD.encode() in content for content in everything(home).values())


def test_what_replaces_a_secret_leaves_nothing_of_it(home: Path) -> None:
    settings.save(home, {"mail.password": PASSWORD})
    settings.save(home, {"mail.password": "another one"})
    assert not any(PASSWORD.encode() in content for content in everything(home).values())
    before = everything(home)
    settings.save(home, {"house.name": "attic"})
    after = everything(home)
    assert {name for name in after if after[name] != before[name]} == {settings.FILE_NAME}


def test_an_older_houses_secrets_are_parted_once(home: Path) -> None:
    (home / settings.FILE_NAME).write_text(
        f'[future]\nthing = "yes"\n[mail]\naddress = "n@example.org"\npassword = "{PASSWORD}"\n'
        f'[mail.more.garden]\naddress = "g@example.org"\noauth_permission = "{PASSWORD}"\n'
    )
    before = loaded(home)
    assert settings.part_secrets(home)
    assert PASSWORD.encode() not in (home / settings.FILE_NAME).read_bytes()
    assert loaded(home).fingerprint("mail") == before.fingerprint("mail"), "nobody is started afresh for it"
    assert shared(home)["future"] == {"thing": "yes"}
    files = everything(home)
    assert not settings.part_secrets(home)
    assert everything(home) == files


class PowerCutError(BaseException):
    """Nothing of the program runs after it."""


@pytest.mark.parametrize("work", ["save", "part"])
@pytest.mark.parametrize("cut_at", range(1, 12))
def test_a_power_cut_leaves_the_old_values_or_the_new_ones(
    home: Path, monkeypatch: pytest.MonkeyPatch, cut_at: int, work: str
) -> None:
    old, new = ("old.example.org", "old password"), ("new.example.org", "new password")
    if work == "save":
        settings.save(home, {"mail.imap_host": old[0], "mail.password": old[1]})
    else:
        (home / settings.FILE_NAME).write_text(f'[mail]\nimap_host = "{old[0]}"\npassword = "{old[1]}"\n')
    count = 0

    def cut(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*given: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count == cut_at:
                raise PowerCutError
            return real(*given, **more)

        return step

    with monkeypatch.context() as patched:
        for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink")):
            patched.setattr(owner, name, cut(getattr(owner, name)))
        try:
            if work == "save":
                settings.save(home, {"mail.imap_host": new[0], "mail.password": new[1]})
            else:
                settings.part_secrets(home)
        except PowerCutError:
            pass

    def pair() -> tuple[str, str]:
        return loaded(home).text("mail.imap_host"), loaded(home).secret("mail.password").reveal()

    assert pair() in ((old, new) if work == "save" else (old,))
    settings.save(home, {"mail.imap_host": new[0], "mail.password": new[1]})
    assert pair() == new
    left = [
        name for name in everything(home) if name.startswith("secrets/channel-mail/") and "/." not in name
    ]
    assert len(left) == 1


def test_whoever_reads_while_somebody_saves_never_sees_half_of_it(home: Path) -> None:
    settings.save(home, {"mail.user": "0", "mail.password": "0"})
    ended = threading.Event()
    seen: list[tuple[str, str]] = []

    def read() -> None:
        while not ended.is_set():
            values = loaded(home)
            seen.append((values.text("mail.user"), values.secret("mail.password").reveal()))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 60):
        settings.save(home, {"mail.user": str(number), "mail.password": str(number)})
    ended.set()
    reader.join()
    assert all(user == password for user, password in seen)


def test_a_torn_secret_keeps_nobody_from_typing_it_anew(home: Path) -> None:
    settings.save(home, {"mail.password": PASSWORD, "mail.address": "n@example.org"})
    (home / "secrets/channel-mail/1.toml").write_bytes(b"\xff\x00[")
    assert not loaded(home).secret("mail.password")
    assert loaded(home).text("mail.address") == "n@example.org"
    settings.save(home, {"mail.password": PASSWORD})
    assert loaded(home).secret("mail.password").reveal() == PASSWORD


def test_a_secret_whose_file_is_gone_is_missing_and_nothing_else(home: Path) -> None:
    settings.save(home, {"mail.password": PASSWORD, "mail.address": "n@example.org"})
    (home / "secrets/channel-mail/1.toml").unlink()
    assert not loaded(home).secret("mail.password")
    assert loaded(home).text("mail.address") == "n@example.org"


def test_the_list_of_files_leads_nowhere_else(home: Path) -> None:
    (home / settings.FILE_NAME).write_text('[secrets]\n"../.." = 1\n"channel-mail" = "x"\n".." = 2\n')
    assert settings_file.read(home).numbers == {}


def test_a_file_of_somebodys_own_elsewhere_is_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles.toml").write_text('[mail]\naddress = "n@example.org"\n')
    (tmp_path / settings.FILE_NAME).symlink_to("dotfiles.toml")
    assert loaded(tmp_path).text("mail.address") == "n@example.org"
    settings.save(tmp_path, {"house.name": "attic"})
    assert shared(tmp_path) == {"mail": {"address": "n@example.org"}, "house": {"name": "attic"}}


@pytest.mark.timeout(20)
def test_settings_that_are_no_file_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / settings.FILE_NAME)
    with pytest.raises(SettingsError, match="no plain file"):
        loaded(tmp_path)


@pytest.mark.timeout(20)
def test_a_secret_that_is_no_file_keeps_nobody_from_typing_it_anew(home: Path) -> None:
    settings.save(home, {"mail.password": PASSWORD})
    file = home / "secrets/channel-mail/1.toml"
    file.unlink()
    os.mkfifo(file)
    assert not loaded(home).secret("mail.password")
    settings.save(home, {"mail.password": PASSWORD})
    assert loaded(home).secret("mail.password").reveal() == PASSWORD


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", [f".{settings.FILE_NAME}.new", f".{settings.FILE_NAME}.lock"])
@pytest.mark.parametrize("kind", ["link", "link to nothing", "fifo"])
def test_nothing_is_written_through_what_lies_beside_the_settings(
    tmp_path: Path, name: str, kind: str
) -> None:
    home, victim = tmp_path / "home", tmp_path / "grub.cfg"
    home.mkdir()
    if kind == "fifo":
        os.mkfifo(home / name)
    else:
        (home / name).symlink_to(victim)
    if kind == "link":
        victim.write_text("the loader's")
    settings.save(home, {"house.name": "attic"})
    assert shared(home) == {"house": {"name": "attic"}}
    assert victim.read_text() == "the loader's" if kind == "link" else not victim.exists()


GROUP, PORTAL, MAIL, BRAIN = 4242, 4301, 4302, 4303
_AS_SOMEBODY = """
import os, sys
from pathlib import Path
from agent import settings
settings.table()
user, code = sys.argv[1:]
os.setgroups([4242]); os.setresgid(int(user), int(user), int(user)); os.setresuid(int(user), int(user), int(user))
os.umask(0o007)
home = Path(os.environ["NISSE_HOME"])
exec(code)
"""


def run_as(user: int, code: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _AS_SOMEBODY, str(user), code],
        cwd=CHECKOUT, env={**os.environ, "NISSE_HOME": str(home)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A home as the box makes it, with users of its own."""
    home = tmp_path / "nisse"
    home.mkdir()
    os.chown(home, 0, GROUP)
    home.chmod(0o1770)
    (home / "secrets").mkdir(mode=0o711)
    for name, user in (("channel-mail", MAIL), ("brain", BRAIN)):
        folder = home / "secrets" / name
        folder.mkdir()
        os.chown(folder, PORTAL, user)
        folder.chmod(0o2750)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    return home


SHOW = "print(repr(settings.load().secret('mail.password').reveal()), settings.load().text('mail.address'))"


@pytest.mark.root
@pytest.mark.parametrize("writer", [PORTAL, 0])
def test_only_its_process_and_the_portal_read_a_secret_whoever_wrote_it(box: Path, writer: int) -> None:
    changes = {"mail.password": PASSWORD, "mail.address": "n@example.org"}
    for number in range(2):
        done = run_as(PORTAL, f"settings.save(home, {changes | {'mail.retry': number + 1}})", box)
        assert done.returncode == 0, done.stderr
    if writer == 0:
        settings.save(box, {"mail.password": PASSWORD + "!"})
        os.chown(box / settings.FILE_NAME, PORTAL, GROUP)
    known = repr(PASSWORD + ("!" if writer == 0 else ""))
    assert run_as(MAIL, SHOW, box).stdout.split(" n@")[0] == known
    assert run_as(PORTAL, SHOW, box).stdout.split(" n@")[0] == known
    assert run_as(BRAIN, SHOW, box).stdout.strip() == "'' n@example.org"
    [file] = (box / "secrets/channel-mail").glob("*.toml")
    status = file.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (PORTAL, MAIL, 0o640)
    assert "PermissionError" in run_as(BRAIN, f"Path({str(file)!r}).read_text()", box).stderr


@pytest.mark.root
def test_whoever_may_not_read_a_secret_cannot_lose_or_change_it(box: Path) -> None:
    run_as(
        PORTAL,
        f"settings.save(home, {{'mail.password': {PASSWORD!r}, 'mail.address': 'n@example.org'}})",
        box,
    )
    refused = run_as(BRAIN, "settings.save(home, {'mail.password': 'mine'})", box)
    assert refused.returncode != 0
    assert run_as(MAIL, SHOW, box).stdout.strip() == f"{PASSWORD!r} n@example.org"


@pytest.mark.root
def test_root_is_not_led_anywhere_by_a_link_of_the_houses(box: Path, tmp_path: Path) -> None:
    secret = tmp_path / "roots.toml"
    secret.write_text(f'[mail]\naddress = "{PASSWORD}"\n')
    secret.chmod(0o600)
    (box / settings.FILE_NAME).symlink_to(secret)
    os.chown(box / settings.FILE_NAME, PORTAL, GROUP, follow_symlinks=False)
    with pytest.raises(SettingsError, match="no plain file"):
        settings.save(box, {"house.name": "attic"})
    assert secret.stat().st_uid == 0


@pytest.mark.root
def test_whoever_is_not_root_still_reads_through_a_link_of_their_own(box: Path, tmp_path: Path) -> None:
    (tmp_path / "dotfiles.toml").write_text('[mail]\naddress = "n@example.org"\n')
    (box / settings.FILE_NAME).symlink_to(tmp_path / "dotfiles.toml")
    os.chown(box / settings.FILE_NAME, PORTAL, GROUP, follow_symlinks=False)
    assert run_as(PORTAL, SHOW, box).stdout.strip() == "'' n@example.org"
