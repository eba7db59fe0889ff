"""A factory reset: a new box with a new code, and nothing of the old household on the medium, not even where a file once lay."""

from __future__ import annotations

import random
import time

import pytest

from tests.image.conftest import BOOT_S, FACT, Claimed, Plug, claim_code, resident_of
from tests.image.machine import Machine
from tests.image.medium import Medium
from tests.image.resident import ADDRESS, PASSWORD, Resident, letter

pytestmark = [pytest.mark.image_full, pytest.mark.timeout(2 * 3600)]

WORD = "Rumpelstiltskin-7731"


def test_nothing_of_the_old_household_is_left(claimed: Claimed, plug: Plug) -> None:
    machine, secrets = _lived_in(claimed, plug)
    medium = Medium(machine.disk_file)
    assert all(medium.holds(secret) for secret in secrets)  # else the search below would prove nothing
    medium.write("RESET", b"")
    machine.plug_in().until_up(3 * BOOT_S)
    code = claim_code(machine)
    assert code != claimed.code
    Resident(machine.url, machine.door_port).claim(code, address="berta@lindqvist-7731.example")
    machine.switch_off()
    assert medium.read("RESET") is None
    assert _found(medium, claimed, secrets) == {}


@pytest.mark.parametrize("moment", [0.3, 0.6, 0.9])
def test_a_reset_that_was_cut_short_is_finished(claimed: Claimed, plug: Plug, moment: float) -> None:
    machine, secrets = _lived_in(claimed, plug)
    medium = Medium(machine.disk_file)
    medium.write("RESET", b"")
    machine.plug_in()
    machine.until(lambda: machine.boots, BOOT_S, "its start")
    chance = random.Random(f"{moment}")
    end = machine.began + moment * claimed.first_s
    machine.until(lambda: time.monotonic() > end, BOOT_S, "the moment")
    machine.cut_power(chance)
    machine.plug_in().until_up(3 * BOOT_S)
    assert claim_code(machine) != claimed.code
    machine.switch_off()
    assert _found(medium, claimed, secrets) == {}


def _lived_in(claimed: Claimed, plug: Plug) -> tuple[Machine, list[bytes]]:
    """A box that knows things, switched off; and what must not be found later."""
    machine = plug(claimed.disk, forgets=True)
    machine.plug_in().until_up(BOOT_S)
    anna = resident_of(machine)
    anna.teach("secret.txt", f"The password of the neighbour's gate is {WORD}.")
    anna.write_until_taken(letter(f"About {WORD}", f"Keep {WORD} for me."), 120)
    machine.switch_off()
    return machine, [WORD.encode(), FACT[:40].encode(), ADDRESS.encode()]


def _found(medium: Medium, claimed: Claimed, secrets: list[bytes]) -> dict[bytes, list[int]]:
    """What of it stands on the medium, and where; the used code too, of which nothing should be left even before."""
    places = {secret: medium.holds(secret) for secret in (*secrets, claimed.code.encode())}
    return {secret: found for secret, found in places.items() if found}


def test_the_password_itself_is_never_on_the_medium(claimed: Claimed) -> None:
    assert Medium(claimed.disk).holds(PASSWORD.encode()) == []
