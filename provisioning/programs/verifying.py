"""Whether root takes a program: signed by its publishers, and one for this box.

Owns: what both checks together say, with a reason for programs and a sentence for people.
Does not know: how either is done (`lists`, `provisioning/updates/programs/rules.py`).
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from agent import logs
from agent.errors import ConflictError
from provisioning.box.places import Places
from provisioning.programs import choosing, lists, reasons
from provisioning.programs.choosing import Base
from provisioning.programs.state import Program, State
from provisioning.updates import first_root
from provisioning.updates.programs import rules
from provisioning.updates.programs.record import Program as Signed
from provisioning.updates.programs.rules import Here
from provisioning.updates.refusals import RefusedError

_log = logging.getLogger(__name__)


class NotTakenError(ConflictError):
    """Root does not take the program."""

    key: ClassVar[str] = "update_refused"

    def __init__(self, reason: str) -> None:
        """Takes its sentence from the table of programs."""
        super().__init__(rules.sentence(reason))
        self.reason = reason

    def to_json(self) -> dict[str, Any]:
        """The body of an error answer, with the reason for programs."""
        said = super().to_json()
        said["error"]["reason"] = self.reason
        return said


def verified(
    places: Places,
    base: Base,
    state: State,
    *,
    folder: Path,
    target: str,
    now: datetime,
    again: bool = False,
    house: Path = first_root.HOUSE,
) -> Program:
    """The program of that name, if it was signed and suits this box.

    Args:
        places: Where the box's things lie.
        base: The version in the root.
        state: What is remembered.
        folder: Where updates keeps its lists.
        target: The program's path in the repository.
        now: The box's clock.
        again: The owner wants one tried again that did not do well.
        house: Where the root holds the publishers' keys.

    Raises:
        NotTakenError: It is not taken.
        RequestError: The lists are not where they should be.
    """
    try:
        signed = lists.believed(places, folder, target, now, house)
    except RefusedError as refused:
        logs.event(
            _log, "program.refused", level=logging.WARNING, reason=refused.reason, detail=refused.detail
        )
        raise NotTakenError(refused.reason) from refused
    reason = rules.unfit(signed, here(base, state, again=again))
    if reason:
        logs.event(_log, "program.refused", level=logging.WARNING, reason=reason, version=signed.version)
        raise NotTakenError(reason)
    return _known(signed)


def here(base: Base, state: State, *, again: bool = False) -> Here:
    """What a program meets on this box."""
    running = choosing.running(state, base)
    bad = () if again else (each.sha256 for each in state.refused if each.reason not in reasons.FORGIVEN)
    return Here(
        architecture=base.architecture,
        python=base.python,
        base=base.version,
        running=running.version if running else base.version,
        floor=state.committed_version,
        refused=frozenset(bad),
    )


def _known(signed: Signed) -> Program:
    return Program(
        sha256=signed.sha256,
        size=signed.size,
        version=signed.version,
        architecture=signed.architecture,
        python=signed.python,
        needs_system=signed.needs_system,
        reads=signed.reads,
        readable_by=signed.readable_by,
    )
