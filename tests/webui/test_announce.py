"""The box is found by its name, by another machine's own resolver, over a real network."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live.running import CHECKOUT, until
from webui.announce import Announcement, announcing, box_id

from .network import Cable, Machine


@contextmanager
def portal(machine: Machine, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The real portal as a process of its own on that machine, at port 80; no other service runs."""
    home.mkdir(exist_ok=True)
    environment = os.environ | {"NISSE_HOME": str(home), "NISSE_PORTAL_LISTEN": "0.0.0.0:80"}
    with (home / "portal.out").open("ab") as output:
        process = subprocess.Popen(
            ["ip", "netns", "exec", machine.name, sys.executable, "-m", "agent", "portal"],
            cwd=CHECKOUT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def resolved(cable: Cable, name: str) -> str:
    """The address that Avahi finds for a name."""
    return cable.ask("avahi-resolve", "-4", "-n", f"{name}.local").rpartition("\t")[2].strip()


def page(cable: Cable, name: str) -> str:
    """What a guest's program gets from the box by name, as any program resolves names (libnss-mdns)."""
    return cable.ask("curl", "--silent", "--fail", f"http://{name}.local/healthz")


def browsed(cable: Cable) -> str:
    """The first service that Avahi finds and resolves, with all that is said of it."""
    lines = cable.ask("avahi-browse", "--resolve", "--terminate", "--parsable", "_http._tcp").splitlines()
    return next((line for line in lines if line.startswith("=")), "")


@pytest.mark.root
@pytest.mark.servers
def test_another_machine_finds_the_box_and_opens_it_by_name(tmp_path: Path) -> None:
    with Cable(tmp_path, avahi_name="guest") as cable, portal(cable.box, tmp_path / "home"):
        assert until(lambda: resolved(cable, "nisse"), 30, "nisse.local") == cable.box.address
        assert '"ready":true' in until(lambda: page(cable, "nisse"), 30, "the page").replace(" ", "")
        found = until(lambda: browsed(cable), 30, "the service")
        assert ";nisse;" in found
        assert ";nisse.local;10.77.0.2;80;" in found
        for word in ('"v=', f'"id={box_id(tmp_path / "home")}"', '"path=/"', '"claimed=0"'):
            assert word in found


@pytest.mark.root
@pytest.mark.servers
def test_a_name_that_another_machine_has_is_left_alone(tmp_path: Path) -> None:
    with Cable(tmp_path, avahi_name="nisse") as cable, portal(cable.box, tmp_path / "home"):
        assert until(lambda: resolved(cable, "nisse-2"), 30, "nisse-2.local") == cable.box.address
        assert until(lambda: resolved(cable, "nisse"), 30, "nisse.local") == cable.guest.address
        assert until(lambda: page(cable, "nisse-2"), 30, "the page")
        time.sleep(12)  # one more look at the addresses: the box must not rename itself again
        assert len(re.findall("name.announced", (tmp_path / "home" / "portal.out").read_text())) == 1


@pytest.mark.root
@pytest.mark.servers
def test_a_new_address_is_announced_and_leaving_is_said(tmp_path: Path) -> None:
    with Cable(tmp_path, avahi_name="guest") as cable:
        with portal(cable.box, tmp_path / "home"):
            until(lambda: resolved(cable, "nisse"), 30, "nisse.local")
            cable.box.run("ip", "address", "add", "10.77.0.9/24", "dev", cable.box.interface)
            cable.box.run("ip", "address", "delete", "10.77.0.2/24", "dev", cable.box.interface)
            cable.box.run("ip", "address", "replace", "10.77.0.9/24", "dev", cable.box.interface)
            cable.box.run("ip", "route", "replace", "224.0.0.0/4", "dev", cable.box.interface)
            until(lambda: resolved(cable, "nisse") == "10.77.0.9", 40, "the new address")
        until(lambda: "nisse" not in cable.ask("avahi-browse", "-t", "-p", "_http._tcp"), 30, "the goodbye")


@pytest.mark.root
@pytest.mark.servers
def test_without_a_network_the_portal_serves_all_the_same(tmp_path: Path) -> None:
    name = f"nisse-n{os.getpid()}"
    alone = Machine(name, "127.0.0.1")
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        alone.run("ip", "link", "set", "lo", "up")
        with portal(alone, tmp_path / "home") as process:
            ask = ["ip", "netns", "exec", name, "curl", "--silent", "--fail", "http://localhost/healthz"]
            until(
                lambda: subprocess.run(ask, check=False, capture_output=True).returncode == 0,
                30,
                "the portal",
            )
            time.sleep(11)
            assert process.poll() is None
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def test_an_unwanted_announcement_opens_nothing(tmp_path: Path) -> None:
    what = Announcement(name="nisse", port=80, home=tmp_path)
    with announcing(what, lambda: False, wanted=False):
        pass
    assert box_id(tmp_path) == box_id(tmp_path) != box_id(tmp_path / "other")
