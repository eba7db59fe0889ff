"""What the portal may have root do with the system: say how things stand, and install a bundle from a stick.

Owns: the checks, their order, and handing a bundle to RAUC.
Does not know: sockets, nor who asks (`provisioning/privileged`).
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent import logs
from agent.errors import ConflictError, NisseError, RequestError, UnavailableError
from provisioning.box.places import Places
from provisioning.box.running import Run
from provisioning.firstboot.starting import image_facts
from provisioning.programs import base_version, installing, untrusted
from provisioning.programs.state import Book
from provisioning.slots.counters import Counters
from provisioning.system import bundles, description, record
from provisioning.system.bundles import Bundle
from provisioning.system.description import Description, UnfitError
from provisioning.system.record import FAILED, INSTALLED, INSTALLING, Moment, Record

_log = logging.getLogger(__name__)
_INSTALL_S = 7_200.0  # a slow stick into a slow card
_LARGEST_STATE = 1 << 20
Answer = dict[str, Any]
Found = Description | str  # why not


class System:
    """The box's system, as its helper sees to it; one installation at a time."""

    def __init__(
        self,
        places: Places,
        run: Run,
        background: Callable[[Callable[[], None]], None],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Asks for nothing yet.

        Args:
            places: Where the box's things lie.
            run: Runs a program of the system.
            background: Begins what lasts longer than an answer.
            now: Seconds since 1970.
        """
        self._places, self._run, self._background, self._now = places, run, background, now
        self._installing = ""  # the version
        self._read: dict[Bundle, Found] = {}  # the page asks every few seconds

    def status(self, _asked: Mapping[str, Any]) -> Answer:
        """How things stand, and which bundles are on sticks."""
        told = self._told()
        has_second = self._places.has_second_slot
        wants_more = has_second and told["state"] not in (INSTALLING, INSTALLED)
        return {
            "running": base_version.read(self._places).version,
            "second_slot": has_second,
            "last": told,
            "bundles": self._bundles() if wants_more else [],
        }

    def install(self, asked: Mapping[str, Any]) -> Answer:
        """Verifies a bundle at once, then installs it in the background.

        Raises:
            NisseError: It is not taken; the reason is the error's.
        """
        path = asked.get("path")
        if not isinstance(path, str):
            raise RequestError("Which file is to be installed?", param="path")
        self._demand_free()
        bundle = bundles.named(self._places.sticks, path)
        what = description.read(self._places, self._run, bundle.path)
        self._demand_fitting(what)
        record.write(self._places, self._record(INSTALLING, what.version))
        self._installing = what.version
        self._background(lambda: self._take(bundle, what.version))
        return {"version": what.version}

    def _take(self, bundle: Bundle, version: str) -> None:
        state, sentence = INSTALLED, ""
        try:
            logs.event(_log, "system.installing", version=version, file=bundle.path.name)
            try:
                self._run("rauc", "install", str(bundle.path), seconds=_INSTALL_S)
                logs.event(_log, "system.installed", version=version)
            except UnavailableError as failed:
                logs.event(_log, "system.failed", level=logging.ERROR, version=version, why=failed)
                state, sentence = FAILED, _why(str(failed), version)
            record.write(self._places, self._record(state, version, sentence))
        finally:
            self._installing = ""

    def _demand_free(self) -> None:
        """Nothing else changes, and the slot to be written is not the one to which the box might have to go back."""
        if self._installing:
            raise ConflictError(f"Version {self._installing} is being installed.", hint="Wait some minutes.")
        if not self._places.has_second_slot:
            raise ConflictError("There is no room for a second system on this card or stick.")
        last = self._told()
        if last["state"] == INSTALLED:
            raise ConflictError(
                f"Version {last['version']} is installed already.",
                hint="Restart the box, so that it is tried.",
            )
        if self._is_on_trial():
            raise ConflictError(
                "The system was not found well yet since it was installed.", hint="Wait some minutes."
            )
        installing.demand_free(Book(self._places).read())
        if self._model_state() == "trial":
            raise ConflictError("A new model is being tried.", hint="Wait some minutes.")

    def _demand_fitting(self, what: Description) -> None:
        facts = image_facts(self._places)
        description.demand_fitting(
            what, board=facts.get("board", ""), running=base_version.read(self._places).version
        )

    def _bundles(self) -> list[Answer]:
        found = bundles.found(self._places.sticks)
        self._read = {bundle: self._read.get(bundle) or self._description(bundle.path) for bundle in found}
        return [self._offer(bundle, what) for bundle, what in self._read.items()]

    def _description(self, path: Path) -> Found:
        try:
            return description.read(self._places, self._run, path)
        except UnfitError as unfit:
            return str(unfit)

    def _offer(self, bundle: Bundle, what: Found) -> Answer:
        return {
            "path": str(bundle.path),
            "name": bundle.path.name,
            "size": bundle.size,
            "version": "" if isinstance(what, str) else what.version,
            "refusal": what if isinstance(what, str) else self._unfit(what),
        }

    def _unfit(self, what: Description) -> str:
        try:
            self._demand_fitting(what)
        except UnfitError as unfit:
            return str(unfit)
        return ""

    def _record(self, state: str, version: str, sentence: str = "") -> Record:
        return Record(
            state=state,
            version=version,
            slot=self._places.slot,
            boot=self._places.boot,
            at=self._now(),
            sentence=sentence,
        )

    def _told(self) -> Answer:
        now = Moment(
            slot=self._places.slot,
            boot=self._places.boot,
            is_on_trial=self._is_on_trial(),
            is_busy=bool(self._installing),
        )
        return record.told(record.read(self._places), now)

    def _is_on_trial(self) -> bool:
        """Whether the slot that runs was not found well since it was installed; one whose counters are spoilt was once."""
        good = Counters(self._places.esp / "grub").values().get("LAST_GOOD", "")
        return bool(good) and good.lower() != self._places.slot

    def _model_state(self) -> str:
        """What the update of models does; it is its own file, so nothing else than this word is believed."""
        below = self._places.home / "models"
        try:
            folder = untrusted.open_below(below, below / "updates", folder=True)
            try:
                text = untrusted.read_small(folder, "state.json", _LARGEST_STATE)
            finally:
                os.close(folder)
            return str(json.loads(text or b"{}")["sealed"]["state"])
        except (NisseError, OSError, ValueError, LookupError, TypeError, RecursionError):
            return ""


def _why(said: str, version: str) -> str:
    """For the owner; RAUC's own words are in the log."""
    if "signature verification" in said.lower():
        return str(description.refusal(said))
    return (
        f"Version {version} could not be installed; the system is as it was. "
        "Try once more, and copy the file onto the stick anew if that does not help."
    )
