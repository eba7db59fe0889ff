"""A box without a cable: its own Wi-Fi, the way from there into the home's, and what becomes of it when that goes.

One box goes through it all, in the order in which it happens to people; the radios are the kernel's own simulated ones.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.image.air import HOUSE, RADIO, Router, Telephone, surround
from tests.image.conftest import BOOT_S, claim_code
from tests.image.machine import Machine
from tests.image.report import Report
from tests.image.resident import Resident

pytestmark = [pytest.mark.image_full, pytest.mark.timeout(2 * 3600)]

HOME, PASSWORD = "Home", "a lantern for every window"
AGAIN_S = 180.0  # emulated: trying takes 40, coming back some more
OPENED_S, JOINED_S, CLOSED_S = 300.0, 300.0, 900.0


@dataclass
class Scene:
    """The box and what is around it."""

    machine: Machine
    telephone: Telephone
    router: Router
    resident: Resident

    def mode(self) -> dict[str, str]:
        """What the box says of its network: mode, and the name and password of its own Wi-Fi."""
        said = self.machine.shell.run("cat /run/nisse/network.json")
        return dict(json.loads(said.text)) if said.status == 0 else {}

    def has_hotspot(self) -> bool:
        """Whether its own Wi-Fi is there, as the radio says it."""
        return "type AP" in self.machine.shell.ask(f"iw dev {RADIO} info")

    def until_open(self, seconds: float) -> float:
        """Waits for its own Wi-Fi; returns the seconds."""
        began = time.monotonic()
        self.machine.until(self.has_hotspot, seconds, "the hotspot")
        return time.monotonic() - began

    def has_given_up(self) -> bool:
        """Whether the box no longer looks after its own Wi-Fi."""
        return self.machine.shell.run("systemctl is-active nisse-network.service").status != 0

    def tell(self, password: str) -> None:
        """The owner chooses the home's Wi-Fi on the page."""
        self.resident.says("/box/wifi", {"ssid": HOME, "password": password}, page="/box")

    def enter(self) -> None:
        """The telephone joins the box's own Wi-Fi with what the screen says."""
        mode = self.mode()
        assert self.telephone.join(mode["ssid"], mode["password"])
        self.machine.until_up(JOINED_S)


@pytest.fixture(scope="module")
def scene(stage: Path, image: Path) -> Iterator[Scene]:
    """A new box that nobody gave a cable."""
    machine = Machine(stage / "air", image)
    machine.plug_in()
    telephone, router = surround(machine.shell, BOOT_S)
    resident = Resident(machine.url, machine.door_port)
    yield Scene(machine, telephone, router, resident)
    resident.close()
    machine.remove()


def test_without_a_cable_it_opens_its_own_wifi_and_says_so_on_the_screen(
    scene: Scene, report: Report
) -> None:
    scene.until_open(BOOT_S)
    report.detail("hotspot_s", round(time.monotonic() - scene.machine.began))
    mode = scene.mode()
    assert mode["mode"] == "hotspot"
    said = f"{mode['ssid']}   password  {mode['password']}".encode()
    scene.machine.until(
        lambda: said in scene.machine.serial, OPENED_S, "the name and the password on the screen"
    )
    code = claim_code(scene.machine).replace("-", "").lower()
    assert code not in mode["password"], (
        "who hears the Wi-Fi can try its password, and must not get the code by that"
    )


def test_nobody_joins_with_another_password(scene: Scene) -> None:
    assert not scene.telephone.join(scene.mode()["ssid"], "some other password")


def test_a_telephone_is_led_to_the_page(scene: Scene) -> None:
    scene.enter()
    assert scene.telephone.address.startswith("10.42.0.")
    assert scene.telephone.resolve("connectivitycheck.gstatic.com") == HOUSE
    asked = {"Host": "connectivitycheck.gstatic.com"}
    answer = httpx.get(f"{scene.machine.url}/generate_204", headers=asked, trust_env=False, timeout=60)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"http://{HOUSE}/")


def test_the_house_is_claimed_through_the_air(scene: Scene) -> None:
    scene.resident.claim(claim_code(scene.machine))


def test_a_wrong_password_brings_the_hotspot_back_with_the_reason(scene: Scene, report: Report) -> None:
    scene.router.switch_on(HOME, PASSWORD)
    scene.tell("a lantern for no window")
    began = time.monotonic()
    scene.machine.until(lambda: not scene.has_hotspot(), AGAIN_S, "the end of the hotspot")
    scene.until_open(AGAIN_S)
    report.detail("hotspot_back_after_wrong_password_s", round(time.monotonic() - began))
    scene.enter()
    assert "The password is not right." in scene.resident.page("/box")


def test_the_right_one_brings_the_box_into_the_home(scene: Scene) -> None:
    scene.tell(PASSWORD)
    scene.machine.until(scene.router.guests, JOINED_S, "the box in the home's Wi-Fi")
    scene.machine.until(lambda: scene.mode().get("mode") == "wifi", JOINED_S, "the word that it is there")
    assert not scene.has_hotspot()


def test_when_the_home_wifi_goes_the_hotspot_comes_for_ten_minutes(scene: Scene, report: Report) -> None:
    scene.router.switch_off()
    report.detail("hotspot_back_after_the_wifi_went_s", round(scene.until_open(OPENED_S)))
    scene.machine.until(scene.has_given_up, CLOSED_S, "the end of the hotspot")
    assert not scene.has_hotspot()


def test_when_the_home_wifi_is_back_the_box_is_too(scene: Scene) -> None:
    scene.router.switch_on(HOME, PASSWORD)
    scene.machine.until(scene.router.guests, JOINED_S, "the box in the home's Wi-Fi")
