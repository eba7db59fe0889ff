"""Two machines of a home network on this one: network namespaces joined by a cable, one of them with Avahi.

Owns: making and removing both, and running commands in them.
Does not know: the portal.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
from pathlib import Path
from typing import Self

from tests.live.running import until

_AVAHI = """
[server]
host-name={name}
use-ipv4=yes
use-ipv6=no
allow-interfaces={interface}
enable-dbus=yes
disallow-other-stacks=no
[wide-area]
enable-wide-area=no
[publish]
publish-hinfo=no
publish-workstation=no
"""
# Avahi ends at once where the bus does not listen yet; it says where it does as soon as it does.
_SCRIPT = """
mount --make-rprivate /
mount -t tmpfs none /run
mkdir -p /run/dbus /run/avahi-daemon
dbus-daemon --system --nofork --nopidfile --print-address=3 3>/run/address &
for _ in $(seq 300); do if [ -s /run/address ]; then break; fi; sleep 0.1; done
exec avahi-daemon --no-chroot --no-drop-root --no-rlimits --file {settings}
"""


class Machine:
    """One end of the cable."""

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address, self.interface = name, address, f"v{name[-6:]}"

    def plug_in(self) -> None:
        """Gives the machine its address, and the way to the group that multicast DNS uses."""
        for command in (
            ("ip", "link", "set", "lo", "up"),
            ("ip", "address", "add", f"{self.address}/24", "dev", self.interface),
            ("ip", "link", "set", self.interface, "up"),
            ("ip", "route", "add", "224.0.0.0/4", "dev", self.interface),
        ):
            self.run(*command)

    def run(self, *command: str) -> str:
        """What a command prints, run on this machine."""
        return _run("ip", "netns", "exec", self.name, *command)


class Cable:
    """Two machines joined; the second one listens with Avahi under a name of its own."""

    def __init__(self, folder: Path, *, avahi_name: str) -> None:
        mark = secrets.token_hex(2)
        self.box = Machine(f"nisse-b{mark}", "10.77.0.2")
        self.guest = Machine(f"nisse-g{mark}", "10.77.0.3")
        self._folder, self._avahi_name = folder, avahi_name
        self._avahi: subprocess.Popen[bytes] | None = None
        self._plugged_in = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as begun:
            self._plug_in(begun)
            self._plugged_in = begun.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._plugged_in.close()

    def ask(self, *command: str) -> str:
        """What a command prints on the guest's machine, where Avahi answers; empty if it fails."""
        assert self._avahi
        inside = ("nsenter", "--target", str(self._avahi.pid), "--net", "--mount", "--root")
        ended = subprocess.run([*inside, *command], capture_output=True, text=True, timeout=30, check=False)
        return ended.stdout if ended.returncode == 0 else ""

    def _plug_in(self, begun: contextlib.ExitStack) -> None:
        for machine in (self.box, self.guest):
            _run("ip", "netns", "add", machine.name)
            begun.callback(subprocess.run, ["ip", "netns", "delete", machine.name], check=False)
        ends = (
            self.box.interface,
            "netns",
            self.box.name,
            "type",
            "veth",
            "peer",
            "name",
            self.guest.interface,
        )
        _run("ip", "link", "add", *ends, "netns", self.guest.name)
        for machine in (self.box, self.guest):
            machine.plug_in()
        self._start_avahi()
        begun.callback(self._end_avahi)
        found = ("avahi-resolve", "-4", "-n", f"{self._avahi_name}.local")
        until(lambda: self.ask(*found), 60, f"avahi (see {self._folder / 'avahi.out'})")

    def _start_avahi(self) -> None:
        settings = self._folder / "avahi.conf"
        settings.write_text(_AVAHI.format(name=self._avahi_name, interface=self.guest.interface))
        # A mount namespace of its own, because D-Bus and Avahi of this machine, if any, have the same paths.
        command = [
            "ip",
            "netns",
            "exec",
            self.guest.name,
            "unshare",
            "--mount",
            "sh",
            "-ec",
            _SCRIPT.format(settings=settings),
        ]
        with (self._folder / "avahi.out").open("wb") as output:
            self._avahi = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)

    def _end_avahi(self) -> None:
        assert self._avahi
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._avahi.pid, signal.SIGKILL)
        self._avahi.wait()


def _run(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 0, f"{' '.join(command)}: {ended.stderr}"
    return ended.stdout
