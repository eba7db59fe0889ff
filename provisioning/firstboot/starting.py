"""The steps between a mounted box and a house that starts.

Owns: which steps there are, and their order.
Does not know: how a step is done.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from agent import durable, plain_file, settings
from provisioning.box.places import PRESETS, Places
from provisioning.box.running import Run
from provisioning.firstboot import claiming, defaults, identity, keys, stock
from provisioning.firstboot.steps import Step, run

_NAME_OF_ELSEWHERE = "remote"  # brain.remote, as the file has it
_LARGEST = 4 << 20  # bytes of the settings
FACTS = "box.json"  # in /run/nisse, for the portal and the screen


def start(places: Places, run_program: Run) -> None:
    """Sees to everything, and leaves word of it.

    Args:
        places: Where the box's things lie.
        run_program: Runs a program.

    Raises:
        NisseError, OSError: Something failed without which the house cannot start.
    """
    failed = run(places, steps(places, run_program))
    _leave_word(places, failed)


def steps(places: Places, run_program: Run) -> list[Step]:
    """All of them. The claim code stands before the presets, so that nothing on the boot partition can be in its way."""
    return [
        Step(name="identity", do=lambda: identity.keep_machine_id(places)),
        Step(name="keys", do=lambda: keys.make(places)),
        Step(name="settings", do=lambda: defaults.write(places)),
        Step(name="claim", do=lambda: claiming.make(places), needed=True),
        Step(name="presets", do=lambda: _take_presets(places)),
        Step(name="lost-password", do=lambda: claiming.take_lost_password(places)),
        Step(name="name", do=lambda: identity.set_name(places)),
        Step(name="models", do=lambda: _lay_out(places)),
        Step(name="wifi-country", do=lambda: _set_country(places, run_program)),
        Step(name="elsewhere", do=lambda: _open_elsewhere(places, run_program)),
        Step(name="environment", do=lambda: _write_environment(places), needed=True),
    ]


def _take_presets(places: Places) -> None:
    if any((places.esp / name).exists() for name in PRESETS):
        from provisioning.firstboot import applying  # noqa: PLC0415 - a tenth of what a start loads, and hardly ever wanted

        applying.apply(places)


def _lay_out(places: Places) -> None:
    stock.lay_out(places)


def _set_country(places: Places, run_program: Run) -> None:
    """Which channels are allowed; without it a radio uses those that are allowed everywhere."""
    country = _text(places.shared / "wifi-country")
    if country:
        run_program("modprobe", "cfg80211")  # it is early: the card's own driver may not have brought it yet
        run_program("iw", "reg", "set", country)


def _open_elsewhere(places: Places, run_program: Run) -> None:
    """The firewall begins closed to all, and most boxes leave it at that; it may come up later than this."""
    wanted = _NAME_OF_ELSEWHERE in _text(places.home / settings.FILE_NAME, "utf-8")
    if wanted and places.esp.is_dir():  # on somebody else's system the firewall is somebody else's
        run_program("systemctl", "--no-block", "start", "nisse-elsewhere.service")


def _write_environment(places: Places) -> None:
    zone = _text(places.shared / "timezone")
    places.run.mkdir(parents=True, exist_ok=True, mode=0o755)
    text = f"TZ={zone}\n" if zone else ""
    (places.run / "environment").write_text(text, encoding="ascii")


def _leave_word(places: Places, failed: list[str]) -> None:
    facts = {
        **image_facts(places),
        "slot": places.slot,
        "second_slot": places.has_second_slot,
        "failed": failed,
    }
    file = places.run / FACTS
    durable.write(file, json.dumps(facts), mode=0o644)


def image_facts(places: Places) -> dict[str, str]:
    """What the image says of itself: version, board, model."""
    try:
        content = tomllib.loads(places.image.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: str(content[key]) for key in ("version", "board", "model") if key in content}


def _text(file: Path, encoding: str = "ascii") -> str:
    try:
        return plain_file.read(file, _LARGEST).decode(encoding).strip()
    except (OSError, UnicodeDecodeError):
        return ""
