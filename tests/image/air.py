"""The air around a box: a telephone and a router, each a simulated radio of the box's kernel in a network namespace of its own.

Owns: the radios (mac80211_hwsim), joining and leaving, and the way from this machine to the portal over the telephone.
Does not know: what the box does with its own radio.

The box's only cable is taken from it and becomes the telephone's: what comes to the portal's port on this machine then goes through
the air, and the box has no other network.
"""

from __future__ import annotations

import base64
import re
import time
from dataclasses import dataclass
from pathlib import Path

from tests.image.shell import Shell

RADIO, _TELEPHONE, _ROUTER = "wlan0", "wlan1", "wlan2"
HOUSE = "10.42.0.1"
_ROUTER_ADDRESS, _CABLE_ADDRESS = "10.77.0.1", "10.0.2.15/24"
_INSIDE = "/usr/bin/python3 -I /run/radio.py"
_JOINING_S = 45.0  # emulated
_BEGIN = """
set -e
echo {script} | base64 -d > /run/radio.py
until cable=$(ls /sys/class/net | grep ^e); do sleep 0.2; done
udevadm settle # it may be given another name still
cable=$(ls /sys/class/net | grep ^e)
setsid unshare -n sleep infinity > /dev/null 2>&1 & telephone=$!
setsid unshare -n sleep infinity > /dev/null 2>&1 & router=$!
for each in $telephone $router; do
    until [ $(readlink /proc/$each/ns/net) != $(readlink /proc/self/ns/net) ]; do sleep 0.2; done
done
{inside} move $telephone $cable
modprobe mac80211_hwsim radios=3
for name in {radio} {telephone} {router}; do until [ -e /sys/class/net/$name ]; do sleep 0.2; done; done
iw phy $(cat /sys/class/net/{telephone}/phy80211/name) set netns $telephone
iw phy $(cat /sys/class/net/{router}/phy80211/name) set netns $router
nsenter -t $telephone -n {inside} address $cable {cable_address}
echo $telephone $router
"""


@dataclass(frozen=True, kw_only=True)
class Telephone:
    """Somebody's telephone, which is also the way from this machine to the portal."""

    shell: Shell
    process: int

    def join(self, ssid: str, password: str) -> bool:
        """Joins a network, takes an address there, and leads to the portal; whether the network let it in."""
        self.leave()
        network = f'network={{\nssid="{ssid}"\npsk="{password}"\nkey_mgmt=WPA-PSK\n}}\n'
        _radio_on(self.shell, self.process, _TELEPHONE, network)
        end = time.monotonic() + _JOINING_S
        while "wpa_state=COMPLETED" not in _state(self.shell, _TELEPHONE):
            if time.monotonic() > end:
                return False
            time.sleep(1)
        self._inside(f"/usr/lib/klibc/bin/ipconfig -t 30 -c dhcp {_TELEPHONE}")
        self.shell.ask(
            f"setsid nsenter -t {self.process} -n {_INSIDE} relay 80 {HOUSE} > /dev/null 2>&1 & echo $! > /run/relay"
        )
        return True

    def leave(self) -> None:
        """Leaves the network, if it is in one."""
        self.shell.run("kill $(cat /run/relay); rm /run/relay")
        _radio_off(self.shell, _TELEPHONE)

    @property
    def address(self) -> str:
        """The address that it was given."""
        lease = self.shell.ask(f"cat /run/net-{_TELEPHONE}.conf")
        found = re.search(r"^IPV4ADDR='?([\d.]+)", lease, re.MULTILINE)
        assert found, lease
        return found[1]

    def resolve(self, name: str) -> str:
        """What the box says that a name is."""
        return self._inside(f"{_INSIDE} resolve {name} {HOUSE}")

    def _inside(self, command: str) -> str:
        return self.shell.ask(f"nsenter -t {self.process} -n {command}")


@dataclass(frozen=True, kw_only=True)
class Router:
    """The home's Wi-Fi router."""

    shell: Shell
    process: int

    def switch_on(self, ssid: str, password: str) -> None:
        """Opens a network and hands out addresses."""
        network = (
            f'network={{\nssid="{ssid}"\npsk="{password}"\nmode=2\nfrequency=2437\n'
            "key_mgmt=WPA-PSK\nproto=RSN\npairwise=CCMP\n}\n"
        )
        _radio_on(self.shell, self.process, _ROUTER, network)
        self.shell.ask(
            f"nsenter -t {self.process} -n {_INSIDE} address {_ROUTER} {_ROUTER_ADDRESS}/24 && "
            f"nsenter -t {self.process} -n dnsmasq --conf-file=/dev/null --port=0 --interface={_ROUTER} --user=root "
            "--dhcp-range=10.77.0.50,10.77.0.99 --dhcp-leasefile=/run/router.leases --pid-file=/run/router.pid"
        )

    def switch_off(self) -> None:
        """It is gone, without a word."""
        self.shell.run("kill $(cat /run/router.pid)")
        _radio_off(self.shell, _ROUTER)

    def guests(self) -> list[str]:
        """The addresses that it has handed out to radios that are there."""
        stations = self.shell.ask(f"nsenter -t {self.process} -n iw dev {_ROUTER} station dump")
        leases = [line.split() for line in self.shell.ask("cat /run/router.leases").splitlines()]
        return [lease[2] for lease in leases if lease[1] in stations]


def surround(shell: Shell, seconds: float) -> tuple[Telephone, Router]:
    """Takes the box's cable, and gives it a radio, and two others something to do.

    Args:
        shell: Of a box that has just been plugged in.
        seconds: How long the shell may need to be there.
    """
    shell.wait(seconds)
    script = base64.b64encode(Path(__file__).with_name("radio_inside.py").read_bytes()).decode()
    said = shell.ask(
        _BEGIN.format(
            script=script,
            inside=_INSIDE,
            radio=RADIO,
            telephone=_TELEPHONE,
            router=_ROUTER,
            cable_address=_CABLE_ADDRESS,
        )
    )
    telephone, router = map(int, said.split()[-2:])
    return Telephone(shell=shell, process=telephone), Router(shell=shell, process=router)


def _radio_on(shell: Shell, process: int, interface: str, network: str) -> None:
    coded = base64.b64encode(f"ctrl_interface=/run/of-{interface}\n{network}".encode()).decode()
    shell.ask(
        f"echo {coded} | base64 -d > /run/{interface}.conf && "
        f"nsenter -t {process} -n wpa_supplicant -B -D nl80211 -i {interface} -c /run/{interface}.conf"
    )


def _radio_off(shell: Shell, interface: str) -> None:
    shell.run(f"wpa_cli -p /run/of-{interface} -i {interface} terminate")


def _state(shell: Shell, interface: str) -> str:
    return shell.run(f"wpa_cli -p /run/of-{interface} -i {interface} status").text
