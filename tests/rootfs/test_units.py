"""The box's files of the system: systemd's own programs read them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent import settings
from provisioning.supervision.profiles import ANOTHER, PROFILES
from tests.source_tree import CHECKOUT

ROOTFS = CHECKOUT / "rootfs"
UNITS = ROOTFS / "usr/lib/systemd/system"
OWN = sorted(path.name for path in UNITS.iterdir())
MOST_EXPOSED = 2.5

needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)


@needs_systemd
@pytest.mark.parametrize(
    ("unit", "most"),
    [
        ("nisse.service", MOST_EXPOSED),
        ("nisse-helper.service", 5.0),
        ("nisse-elsewhere.service", 3.0),
        ("nisse-program.service", 4.0),
        ("nisse-program-trial.service", 4.0),
    ],
)
def test_the_house_stands_behind_walls(unit: str, most: float) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNITS / unit)]
    said = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    found = re.search(r"exposure level for \S+: ([\d.]+)", said)
    assert found, said
    assert float(found[1]) <= most


def test_every_unit_that_is_on_is_there() -> None:
    wants = [
        path for path in (ROOTFS / "etc/systemd/system").glob("*.wants/*") if path.name.startswith("nisse")
    ]
    assert wants
    for link in wants:
        target = str(link.readlink())
        place = ROOTFS / target.lstrip("/") if target.startswith("/") else link.parent / target
        assert place.exists(), link


def test_the_python_modules_that_units_start_are_there() -> None:
    for unit in UNITS.glob("*.service"):
        for name in re.findall(r"-m (provisioning[.\w]*)", unit.read_text()):
            path = CHECKOUT / name.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), (unit.name, name)


def test_no_two_pages_of_the_recovery_want_the_same_port() -> None:
    conditions = {
        unit.name: re.findall(r"^ConditionKernelCommandLine=(.+)$", unit.read_text(), re.MULTILINE)
        for unit in UNITS.glob("*.service")
        if "-m provisioning.recovery" in unit.read_text()
    }
    assert conditions == {
        "nisse-recovery-mode.service": ["nisse.mode=recovery"],
        "nisse-recovery.service": ["!nisse.mode=recovery"],
    }


def test_only_the_house_sees_a_program_and_its_choice_is_made_anew_before_each_start() -> None:
    seen = [
        unit.name
        for unit in UNITS.rglob("*.*")
        if unit.is_file() and "program.raw" in re.sub(r"(?m)^ExecStartPre=.*$", "", unit.read_text())
    ]
    assert seen == ["nisse.service"]
    house = (UNITS / "nisse.service").read_text()
    assert re.search(r"^Wants=.*nisse-program\.service", house, re.MULTILINE)
    assert re.search(r"^After=.*nisse-program\.service", house, re.MULTILINE)
    choice = (UNITS / "nisse-program.service").read_text()
    assert "RemainAfterExit" not in choice
    assert "--configuration /opt/nisse/supervisor/supervisord.conf" in house
    assert (ROOTFS / "opt/nisse/supervisor").readlink() == Path("/etc/supervisor")


def test_portal_and_updates_may_knock_at_the_helper_and_nobody_else() -> None:
    users = (ROOTFS / "usr/lib/sysusers.d/nisse.conf").read_text()
    assert set(re.findall(r"^m (\S+) nisse-helper$", users, re.MULTILINE)) == {
        "nisse-portal",
        "nisse-updates",
    }
    socket = (UNITS / "nisse-helper.socket").read_text()
    assert "SocketGroup=nisse-helper\n" in socket
    assert "SocketMode=0660\n" in socket


def test_every_process_of_the_house_has_a_user_with_a_fixed_number() -> None:
    text = (ROOTFS / "usr/lib/sysusers.d/nisse.conf").read_text()
    numbers = dict(re.findall(r"^u (\S+) (\d+) ", text, re.MULTILINE))
    programs = {path.stem for path in (ROOTFS / "etc/supervisor/conf.d").glob("*.conf")}
    assert programs == set(PROFILES)
    for profile in (*PROFILES.values(), ANOTHER):
        assert profile.user in numbers
    assert len(set(numbers.values())) == len(numbers)


def test_every_secret_of_one_process_has_a_folder_that_only_it_and_the_portal_may_enter() -> None:
    text = (ROOTFS / "usr/lib/tmpfiles.d/nisse.conf").read_text()
    folders = re.findall(r"^d /data/nisse/secrets/(\S+)\s+(\d+)\s+(\S+)\s+(\S+)", text, re.MULTILINE)
    owners = {row.whose for row in settings.table().values()} - {""}
    assert "channel-mail" in owners
    assert {(name, "2750", "nisse-portal", PROFILES[name].user) for name in owners} == set(folders)


def test_who_thinks_and_remembers_talks_to_nobody_outside() -> None:
    rules = (ROOTFS / "etc/nftables.conf").read_text()
    [line] = [line for line in rules.splitlines() if "skuid" in line and "reject" in line]
    for name in ("brain", "recall", "conversation"):
        assert f'"nisse-{name}"' in line
    assert "policy drop" in rules


def _with_numbers(rules: str) -> str:
    """The rules for a machine that has no users of the house."""
    return re.sub(r'"nisse-\w+"', "0", rules).replace("{ 0, 0, 0 }", "{ 0 }")


@pytest.mark.skipif(not shutil.which("nft"), reason="nftables is not installed")
@pytest.mark.root
def test_the_firewalls_rules_can_be_read() -> None:
    rules = (ROOTFS / "etc/nftables.conf").read_text()
    rules = _with_numbers(rules)
    done = subprocess.run(["nft", "-c", "-f", "-"], input=rules, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not shutil.which("systemd-sysusers"), reason="systemd-sysusers is not installed")
@pytest.mark.root
def test_the_users_can_be_made(tmp_path: Path) -> None:
    conf = ROOTFS / "usr/lib/sysusers.d/nisse.conf"
    (tmp_path / "etc").mkdir()
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", str(conf)], check=True, capture_output=True)
    groups = (tmp_path / "etc/group").read_text()
    members = dict(re.findall(r"^(\S+?):[^:]*:\d+:(.*)$", groups, re.MULTILINE))
    assert "nisse-brain" in members["nisse-models"].split(",")
    assert members["nisse-channel-door"] == "nisse-portal"


@pytest.mark.skipif(
    not shutil.which("systemd-sysusers") or not shutil.which("systemd-tmpfiles"),
    reason="systemd is not installed",
)
@pytest.mark.root
def test_the_folders_are_made_as_their_users_need_them(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for program, *words in (
        ("systemd-sysusers", str(ROOTFS / "usr/lib/sysusers.d/nisse.conf")),
        ("systemd-tmpfiles", "--create", str(ROOTFS / "usr/lib/tmpfiles.d/nisse.conf")),
    ):
        subprocess.run([program, f"--root={tmp_path}", *words], check=True, capture_output=True)

    def made(place: str) -> tuple[int, int, int]:
        status = (tmp_path / place).stat()
        return status.st_uid, status.st_gid, status.st_mode & 0o7777

    assert made("data/nisse") == (0, 800, 0o1770)
    assert made("run/nisse/alive") == (0, 800, 0o1770)
    assert made("data/nisse/secrets") == (0, 0, 0o711)
    assert made("data/nisse/secrets/channel-mail") == (801, 806, 0o2750)
    assert made("data/nisse/secrets/channel-door") == (801, 807, 0o2750)
    assert made("data/nisse/secrets/brain") == (801, 802, 0o2750)
