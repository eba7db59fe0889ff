"""What the owner may say of updates of Nisse itself, and when.

Owns: the words - install, later, stop, go back, offer again - and what forbids each.
Does not know: how they are said (`routes`), nor what is done then (`machine`).
"""

from __future__ import annotations

import dataclasses

from agent.errors import ConflictError, NotFoundError
from provisioning.updates.programs import rules, states
from provisioning.updates.programs.machine import ProgramMachine
from provisioning.updates.programs.states import CAN_STOP, Record, Step
from provisioning.updates.refusals import RefusedError
from provisioning.updates.trust import version_number


class ProgramOwner:
    """The owner's words. Safe to use from any thread."""

    def __init__(self, machine: ProgramMachine) -> None:
        """Moves that machine."""
        self._machine = machine

    def install(self, version: str) -> None:
        """Install what is offered, now; or let a download go on.

        Raises:
            RefusedError: This is no box.
            NotFoundError: That is not what is offered.
            StorageError: The disk does not take the word.
        """
        machine = self._machine
        with machine.news:
            now = self._demand_offered(version)
            if not now.consent:
                machine.write(dataclasses.replace(now, consent=True))
            machine.heed()

    def decline(self, version: str) -> None:
        """Do not install what is offered, nor offer it again.

        Raises:
            RefusedError: This is no box.
            NotFoundError: That is not what is offered.
            StorageError: The disk does not take the word.
        """
        machine = self._machine
        with machine.news:
            now = self._demand_offered(version)
            machine.parts.book.shun(
                sha256=now.sha256,
                version=now.version,
                reason="declined",
                sentence=rules.sentence("declined"),
                at=machine.clock(),
            )
            machine.write(states.idle(now))
            machine.heed()

    def stop(self) -> None:
        """Let a download wait until the owner says otherwise.

        Raises:
            ConflictError: Nothing is being fetched.
            StorageError: The disk does not take the word.
        """
        machine = self._machine
        with machine.news:
            if machine.record.step not in CAN_STOP:
                raise ConflictError("No version of Nisse is being fetched.")
            if machine.record.consent:
                machine.write(dataclasses.replace(machine.record, consent=False))
            machine.heed()

    def back(self) -> None:
        """Let the version before run again. The house restarts once.

        Raises:
            ConflictError: There is none, or an update is under way.
            NisseError: Root cannot now.
        """
        machine = self._machine
        with machine.news:
            why = self.why_not_back()
            if why:
                raise ConflictError(why)
            machine.parts.root.back()
            machine.heed()

    def forgive(self, sha256: str) -> None:
        """Offer again what did not do well, or was declined.

        Raises:
            StorageError: The disk does not take the word.
        """
        machine = self._machine
        with machine.news:
            machine.parts.book.bad.forgive([sha256])
            machine.heed()

    def why_not_back(self) -> str:
        """Why one cannot go back, in a sentence; empty: one can."""
        machine = self._machine
        if not machine.parts.root.is_there:
            return rules.sentence("not_a_box")
        if machine.record.step == Step.HANDED or machine.parts.root.said().candidate:
            return "A version is being tried just now; wait for its end."
        if not self.back_to():
            return "The version that came with the system runs; there is none before it."
        return machine.parts.lane.model_on_trial()

    def back_to(self) -> str:
        """The version to which one would go back; empty: to none."""
        root = self._machine.parts.root
        said, base = root.said(), root.here().base
        # An update of the system may have brought a version that is as new: then it runs, whatever root still keeps.
        current, previous = (
            each.version if each and version_number(each.version) > version_number(base) else ""
            for each in (said.current, said.previous)
        )
        return (previous or base) if current else ""

    def _demand_offered(self, version: str) -> Record:
        now = self._machine.record
        if not self._machine.parts.root.is_there:
            raise RefusedError("not_a_box")
        if now.step not in (Step.OFFERED, *CAN_STOP) or (version and version != now.version):
            raise NotFoundError("That version is not offered.", hint="Look for new ones first.")
        return now
