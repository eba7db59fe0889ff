"""The way out of the box for the one server that the owner named: which it is, and that the firewall lets nothing else pass."""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import settings
from agent.errors import SettingsError
from provisioning.box.places import Places
from provisioning.network import elsewhere
from tests.fakes.programs import Programs
from tests.live.running import until
from tests.source_tree import CHECKOUT
from tests.webui.network import Machine

FIREWALL = CHECKOUT / "rootfs/etc/nftables.conf"
BRAIN, OTHER = 64001, 64002
NAMED, UNNAMED = 8000, 8001


def values(url: str) -> settings.Settings:
    return settings.load({"NISSE_HOME": "/nowhere", "NISSE_BRAIN_REMOTE": url})


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://10.0.0.5:8000/v1", "elsewhere4 { 10.0.0.5 . 8000 }"),
        (" http://10.0.0.5/v1 ", "elsewhere4 { 10.0.0.5 . 80 }"),
        ("https://192.168.1.7", "elsewhere4 { 192.168.1.7 . 443 }"),
        ("http://[fd00::5]:8000/v1", "elsewhere6 { fd00::5 . 8000 }"),
    ],
)
def test_exactly_the_named_address_and_port_are_let_through(url: str, said: str) -> None:
    told = elsewhere.commands(elsewhere.named(values(url)))
    assert told == (
        f"flush set inet nisse elsewhere4; flush set inet nisse elsewhere6; add element inet nisse {said}"
    )


@pytest.mark.parametrize("url", ["", "  ", "http://127.0.0.1:8000/v1", "http://[::1]:8000"])
def test_nobody_named_or_one_on_the_box_itself_needs_no_way_out(url: str) -> None:
    assert elsewhere.named(values(url)) is None
    assert "add" not in elsewhere.commands(None)


@pytest.mark.parametrize(
    "url",
    [
        "http://large.example.org:8000/v1",
        "http://large.local:8000",
        "10.0.0.5:8000",
        "http://10.0.0.5:99999",
        "http://0.0.0.0:8000",
        "http://224.0.0.1:8000",
        "http://[fe80::1%25eth0]:8000",
        "http://10.0.0.5 }; flush ruleset; add element inet nisse elsewhere4 { 1.1.1.1:80",
        "ftp://10.0.0.5/",
    ],
)
def test_what_is_no_address_of_one_machine_is_refused(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        elsewhere.named(values(url))
    assert "http://10.0.0.5:8000/v1" in str(refused.value)


def test_the_way_is_closed_again_when_the_setting_goes_or_is_wrong(tmp_path: Path) -> None:
    places, programs = Places(tmp_path), Programs()
    places.home.mkdir(parents=True)
    for url in ("http://10.0.0.5:8000/v1", "http://large.local:8000", ""):
        settings.save(places.home, {"brain.remote": url})
        elsewhere.apply(places, programs)
    said = [" ".join(call) for call in programs.calls]
    assert ["10.0.0.5" in line for line in said] == [True, False, False]
    assert all("flush set inet nisse elsewhere4; flush set inet nisse elsewhere6" in line for line in said)


def test_a_file_that_is_half_typed_changes_nothing(tmp_path: Path) -> None:
    places, programs = Places(tmp_path), Programs()
    places.home.mkdir(parents=True)
    (places.home / settings.FILE_NAME).write_text("[brain]\nremote = ")
    elsewhere.apply(places, programs)
    assert programs.calls == []


@pytest.fixture
def cable() -> Iterator[tuple[Machine, Machine]]:
    """A box with the house's firewall, and a machine beside it on which two programs listen."""
    mark = secrets.token_hex(2)
    box, guest = Machine(f"nisse-b{mark}", "10.78.0.2"), Machine(f"nisse-g{mark}", "10.78.0.3")
    for machine in (box, guest):
        subprocess.run(["ip", "netns", "add", machine.name], check=True)
    ends = [box.interface, "netns", box.name, "type", "veth", "peer", "name", guest.interface]
    subprocess.run(["ip", "link", "add", *ends, "netns", guest.name], check=True)
    for machine in (box, guest):
        machine.plug_in()
    inside = ["ip", "netns", "exec", guest.name, sys.executable, "-m", "http.server"]
    listening = [
        subprocess.Popen([*inside, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for port in (NAMED, UNNAMED)
    ]
    yield box, guest
    for process in listening:
        process.kill()
        process.wait()
    for machine in (box, guest):
        subprocess.run(["ip", "netns", "delete", machine.name], check=False)


def reaches(box: Machine, user: int, address: str, port: int) -> bool:
    """Whether a program of that user on the box can connect."""
    program = (
        f"import os, socket; os.setuid({user})\n"
        f"try: socket.create_connection(({address!r}, {port}), 5); print('yes')\n"
        "except OSError: print('no')"
    )
    return box.run(sys.executable, "-c", program).strip() == "yes"


@pytest.mark.root
@pytest.mark.skipif(not shutil.which("nft") or not shutil.which("ip"), reason="nftables is not installed")
def test_the_brain_reaches_the_named_server_and_nobody_else(
    cable: tuple[Machine, Machine], tmp_path: Path
) -> None:
    box, guest = cable
    rules = tmp_path / "rules"
    text = FIREWALL.read_text().replace('"nisse-brain"', str(BRAIN))
    rules.write_text(re.sub(r', "nisse-\w+"', "", text))
    until(lambda: reaches(box, OTHER, guest.address, UNNAMED), 30, "the listening programs")
    box.run("nft", "-f", str(rules))

    def seen() -> dict[int, bool]:
        return {port: reaches(box, BRAIN, guest.address, port) for port in (NAMED, UNNAMED)}

    assert seen() == {NAMED: False, UNNAMED: False}
    place = elsewhere.named(values(f"http://{guest.address}:{NAMED}/v1"))
    box.run("nft", elsewhere.commands(place))
    assert seen() == {NAMED: True, UNNAMED: False}
    box.run("nft", elsewhere.commands(elsewhere.named(values(f"http://{guest.address}:{UNNAMED}/v1"))))
    assert seen() == {NAMED: False, UNNAMED: True}
    box.run("nft", elsewhere.commands(elsewhere.named(values("http://[fd00::5]:8000/v1"))))
    assert seen() == {NAMED: False, UNNAMED: False}
    box.run("nft", elsewhere.commands(None))
    assert seen() == {NAMED: False, UNNAMED: False}
    assert reaches(box, OTHER, guest.address, UNNAMED), "the rest of the box goes out as before"
