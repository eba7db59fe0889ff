"""A box with two slots and a stick in a temporary folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from agent.errors import UnavailableError
from provisioning.box.places import PORTAL, Places
from provisioning.privileged import verbs
from provisioning.slots import counters
from tests.fakes.programs import Programs

RUNNING = "0.6.3"
STRANGER = "rauc failed (1): signature verification failed: Verify error: self-signed certificate"
DAMAGED = "rauc failed (1): Invalid bundle format: Signature size (9895177430210291722) exceeds bundle size"


class Box:
    """The box, its helper as the portal asks it, and RAUC, which says of each bundle what the test has laid down."""

    def __init__(self, folder: Path) -> None:
        self.places = Places(folder)
        self.system = Programs()
        self.later: list[Callable[[], None]] = []
        self.described: dict[str, str] = {}
        self.places.image.parent.mkdir(parents=True)
        facts = {"version": RUNNING, "architecture": "amd64", "board": "pc"}
        self.places.image.write_text(tomli_w.dumps(facts), encoding="utf-8")
        (self.places.run / "disk").mkdir(parents=True)
        (self.places.run / "disk/root_b").symlink_to("/dev/null")
        (self.places.esp / "grub").mkdir(parents=True)
        self.system.does("rauc info", self._info)
        self.starts("a", good="A", boot="first")

    def starts(self, slot: str, *, good: str, boot: str) -> None:
        """The box was started (anew): the helper's process is another one."""
        self._write("proc/cmdline", f"root=PARTLABEL=root_{slot} rauc.slot={slot.upper()}\n")
        self._write("proc/sys/kernel/random/boot_id", f"{boot}\n")
        (self.places.esp / "grub/grubenv").write_bytes(counters.fresh(good))
        self.helper_ends()

    def helper_ends(self) -> None:
        """What was in the background ends with it."""
        self.later.clear()
        self.helper = verbs.Box(places=self.places, run=self.system, background=self.later.append)

    def brings(
        self, name: str = "nisse-pc-0.7.0.raucb", version: str = "0.7.0", compatible: str = "nisse-pc"
    ) -> Path:
        """A bundle on the stick."""
        path = self.places.sticks / "system/STICK" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(5_000))
        self.described[str(path)] = json.dumps({"compatible": compatible, "version": version})
        return path

    def asks(self, verb: str, user: str = PORTAL, **asked: Any) -> dict[str, Any]:
        """What the helper answers."""
        return verbs.answer(self.helper, {"verb": verb, **asked}, user)

    def installs(self, path: Path) -> dict[str, Any]:
        """The portal's wish; what follows goes on in the background."""
        return self.asks("system-install", path=str(path))

    def goes_on(self) -> None:
        """What is in the background is done."""
        while self.later:
            self.later.pop()()

    def last(self) -> dict[str, Any]:
        """What the owner is told."""
        return dict(self.asks("system-status")["last"])

    def offers(self) -> dict[str, str]:
        """The names of what is on the stick, with why each is refused."""
        return {each["name"]: each["refusal"] for each in self.asks("system-status")["bundles"]}

    def _info(self, command: tuple[str, ...]) -> str:
        said = self.described[command[-1]]
        if said.startswith("rauc "):
            raise UnavailableError(said)
        return said

    def _write(self, name: str, text: str) -> None:
        file = self.places.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A box that runs from slot A, and whose slot A is good."""
    return Box(tmp_path)
