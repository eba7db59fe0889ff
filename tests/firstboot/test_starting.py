"""The steps between a mounted box and a house that starts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from agent import claim, durable, settings
from agent.errors import NisseError
from provisioning.box.places import Places
from provisioning.firstboot import claiming, defaults, keys, starting, stock
from provisioning.firstboot.steps import Step, run
from tests.fakes.programs import Programs


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """This machine keeps its name."""
    given: list[str] = []
    monkeypatch.setattr("provisioning.firstboot.identity.set_name", lambda *_: given.append("set"))
    return given


def facts(places: Places) -> dict[str, Any]:
    return dict(json.loads((places.run / starting.FACTS).read_text()))


def test_a_fresh_box_is_ready_afterwards(places: Places, programs: Programs) -> None:
    starting.start(places, programs)
    assert len(claim.code(places.home)) == 9
    assert len(keys.hotspot_password(places)) == 12
    values = settings.load({"NISSE_HOME": str(places.home)})
    assert values.text("portal.listen") == "0.0.0.0:80"
    assert values.text("door.listen") == "0.0.0.0:25"
    assert facts(places) == {
        "version": "0.4.0", "board": "pc", "model": "tiny", "slot": "a", "second_slot": False, "failed": [],
    }  # fmt: skip


def test_a_second_start_changes_nothing(places: Places, programs: Programs) -> None:
    starting.start(places, programs)
    before = {file: file.read_bytes() for file in places.data.rglob("*") if file.is_file()}
    starting.start(places, programs)
    assert {file: file.read_bytes() for file in places.data.rglob("*") if file.is_file()} == before


def test_the_firewall_is_opened_only_for_a_server_that_is_named(places: Places, programs: Programs) -> None:
    starting.start(places, programs)
    assert programs.called("systemctl") == []
    settings.save(places.home, {"brain.remote": "http://10.0.0.5:8000/v1"})
    starting.start(places, programs)
    assert programs.called("systemctl") == ["systemctl --no-block start nisse-elsewhere.service"]
    assert facts(places)["failed"] == []


def test_on_somebody_elses_system_the_firewall_is_left_alone(places: Places, programs: Programs) -> None:
    (places.esp / "grub").rmdir()
    places.esp.rmdir()
    settings.save(places.home, {"brain.remote": "http://10.0.0.5:8000/v1"})
    starting.start(places, programs)
    assert programs.called("systemctl") == []
    assert facts(places)["failed"] == []


def test_a_password_that_all_could_read_is_put_where_it_belongs(places: Places, programs: Programs) -> None:
    starting.start(places, programs)
    settings.save(places.home, {"mail.password": "a password of the mailbox"})
    (places.home / "secrets/channel-mail").mkdir(parents=True)
    for _ in range(2):
        starting.start(places, programs)
        assert "password" not in (places.home / settings.FILE_NAME).read_text()
        values = settings.load({"NISSE_HOME": str(places.home)})
        assert values.secret("mail.password").reveal() == "a password of the mailbox"
        assert facts(places)["failed"] == []


@pytest.mark.parametrize("cut_at", range(1, 12))
def test_a_power_cut_at_any_write_is_made_good_by_the_next_start(
    places: Places, programs: Programs, monkeypatch: pytest.MonkeyPatch, cut_at: int
) -> None:
    (places.esp / "nisse.toml").write_text('[wifi]\nssid = "Home"\npassword = "long enough"\n')
    real, count = durable.write, 0

    class PowerCutError(Exception):
        pass

    def write(*given: Any, **more: Any) -> None:
        nonlocal count
        count += 1
        if count == cut_at:
            raise PowerCutError
        real(*given, **more)

    monkeypatch.setattr(durable, "write", write)
    try:
        starting.start(places, programs)
    except PowerCutError:
        monkeypatch.setattr(durable, "write", real)
        starting.start(places, programs)
    else:
        assert cut_at > 6  # so many writes there are at the least
    assert list(places.connections.glob("wifi-*.nmconnection"))
    assert not (places.esp / "nisse.toml").exists()
    assert facts(places)["failed"] == []


def test_what_the_house_can_do_without_is_reported_and_does_not_stop_it(
    places: Places, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_places: Places) -> None:
        raise NisseError("The shelf is broken.")

    monkeypatch.setattr(stock, "lay_out", broken)
    starting.start(places, programs)
    assert facts(places)["failed"] == ["models"]


def test_without_a_claim_code_it_does_not_start(
    places: Places, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_places: Places) -> None:
        raise OSError("No space left")

    monkeypatch.setattr(claiming, "make", full)
    with pytest.raises(OSError, match="No space"):
        starting.start(places, programs)


def test_the_time_zone_reaches_the_house(places: Places, programs: Programs) -> None:
    (places.esp / "nisse.toml").write_text('[locale]\ntimezone = "Europe/Berlin"\n')
    starting.start(places, programs)
    assert (places.run / "environment").read_text() == "TZ=Europe/Berlin\n"


def test_the_country_reaches_the_radio(places: Places, programs: Programs) -> None:
    (places.esp / "nisse.toml").write_text('[wifi]\ncountry = "DE"\n')
    starting.start(places, programs)
    assert programs.called("iw reg set DE")


def test_settings_that_cannot_be_read_are_set_aside(places: Places) -> None:
    (places.home / "nisse.toml").write_text("[house\n")
    defaults.write(places)
    assert (places.home / "nisse.toml.unreadable").read_text() == "[house\n"
    assert settings.load({"NISSE_HOME": str(places.home)}).text("portal.listen") == "0.0.0.0:80"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["fifo", pytest.param("link", marks=pytest.mark.root)])
def test_settings_that_are_no_file_are_set_aside_and_nothing_behind_them_is_touched(
    places: Places, programs: Programs, tmp_path: Path, kind: str
) -> None:
    victim, file = tmp_path / "victim.toml", places.home / "nisse.toml"
    victim.write_text('[house]\nname = "stolen"\n')
    victim.chmod(0o600)
    if kind == "fifo":
        os.mkfifo(file)
    else:
        file.symlink_to(victim)
        os.chown(file, 4301, 4242, follow_symlinks=False)
    starting.start(places, programs)
    assert facts(places)["failed"] == []
    assert file.is_file()
    assert not file.is_symlink()
    assert "stolen" not in file.read_text()
    assert victim.stat().st_mode & 0o777 == 0o600


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", [".nisse.toml.new", ".nisse.toml.lock", claim.FILE_NAME, claiming.LOST_NAME])
@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_what_a_process_of_the_house_laid_in_its_folder_neither_stops_a_start_nor_leads_it_elsewhere(
    places: Places, programs: Programs, tmp_path: Path, name: str, kind: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("roots own")
    victim.chmod(0o600)
    if kind == "fifo":
        os.mkfifo(places.home / name)
    else:
        (places.home / name).symlink_to(victim)
    starting.start(places, programs)
    assert facts(places)["failed"] == []
    assert (places.home / "nisse.toml").is_file()
    assert "roots own" not in claiming.current(places)
    assert (victim.read_text(), victim.stat().st_mode & 0o777) == ("roots own", 0o600)


def test_what_the_owner_chose_is_left_alone(places: Places) -> None:
    settings.save(places.home, {"door.listen": "127.0.0.1:8025"})
    defaults.write(places)
    values = settings.load({"NISSE_HOME": str(places.home)})
    assert values.text("door.listen") == "127.0.0.1:8025"
    assert values.text("portal.listen") == "0.0.0.0:80"


def test_a_step_for_once_is_done_until_it_succeeds_and_not_again(places: Places) -> None:
    done: list[int] = []

    def do() -> None:
        done.append(1)
        if len(done) == 1:
            raise OSError("not yet")

    step = Step(name="once", do=do, once=True)
    assert run(places, [step]) == ["once"]
    assert run(places, [step]) == []
    assert run(places, [step]) == []
    assert len(done) == 2
