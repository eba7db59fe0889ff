"""What the owner may say of updates, and when.

Owns: the words - look, install, decline, stop, go back, this answer was bad - and what forbids each; and the word of the patrol (`patrol`).
Does not know: how they are said (`routes`), nor what is done then (`update`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Protocol

from agent.errors import ConflictError, NotFoundError
from provisioning.updates import states
from provisioning.updates.looking import Looking
from provisioning.updates.parts import Parts
from provisioning.updates.release import Release
from provisioning.updates.states import Event, Record, State
from provisioning.updates.steps import entry, read
from provisioning.updates.watching import Watching

CAN_STOP = (State.RESERVED, State.DOWNLOADING, State.VERIFIED)


class _Machine(Protocol):
    """The update under way, as far as the owner moves it."""

    parts: Parts
    record: Record
    begun: bool
    looking: Looking
    watching: Watching
    news: threading.Condition

    def clock(self) -> float: ...

    def write(self, record: Record) -> None: ...

    def heed(self, word: Event | None = None) -> None: ...


class Owner:
    """The owner's words to one house's updates. Safe to use from any thread."""

    def __init__(self, machine: _Machine) -> None:
        """Moves that machine."""
        self._machine = machine

    def check(self, *, relaxed: bool = False) -> None:
        """Look what there is, now.

        Args:
            relaxed: Also on a stick that was written a while ago.
        """
        with self._machine.news:
            self._machine.looking.soon(relaxed=relaxed)
            self._machine.heed()

    def install(self, seq: int) -> None:
        """Install what is offered, now; or let a download go on.

        Raises:
            NotFoundError: That is not what is offered.
            ConflictError: The settings name a model.
            StorageError: The disk does not take the word.
        """
        machine = self._machine
        with machine.news:
            self._demand_offered(seq)
            _demand_free(read(machine.record), machine.parts)
            if not machine.record.consent:
                machine.write(states.noted(machine.record, consent=True))
            machine.heed()

    def bring(self, found: Release) -> None:
        """Take a model that the owner has brought, whose files are blobs already. It is tried like any other.

        Raises:
            ConflictError: An update is under way, or the settings name a model.
            StorageError: The disk does not take the word.
        """
        machine = self._machine
        with machine.news:
            if machine.record.busy or not machine.begun:
                raise ConflictError("An update is under way.", hint="Wait for its end, or stop it.")
            _demand_free(found, machine.parts)
            machine.parts.bad.forgive(file.sha256 for file in found.files)
            text, now = found.to_bytes().decode(), machine.clock()
            machine.write(
                states.begin(
                    machine.record, Event.BROUGHT, origin="unsigned", release=text, consent=True, since=now
                )
            )
            machine.heed()

    def decline(self, seq: int) -> None:
        """Do not install what is offered, nor offer it again.

        Raises:
            NotFoundError: That is not what is offered.
            ConflictError: It is too late for that.
            StorageError: The disk does not take the word.
        """
        machine = self._machine
        with machine.news:
            self._demand_offered(seq)
            if Event.DECLINED not in states.TABLE[machine.record.state]:
                raise ConflictError("It is being tried already.", hint="Go back once it serves.")
            found = read(machine.record)
            declined = entry(machine.record, found.model, found.version, "declined", machine.clock())
            machine.parts.bad.add(declined)
            machine.heed(Event.DECLINED)

    def stop(self) -> None:
        """Let a download wait until the owner says otherwise.

        Raises:
            ConflictError: Nothing is being fetched.
            StorageError: The disk does not take the word.
        """
        machine = self._machine
        with machine.news:
            if machine.record.state not in CAN_STOP:
                raise ConflictError("Nothing is being fetched.")
            if machine.record.consent:
                machine.write(states.noted(machine.record, consent=False))
            machine.heed()

    def back(self) -> None:
        """Let the model before serve again.

        Raises:
            ConflictError: There is none, or an update is under way.
            StorageError: The disk does not take the word.
        """
        machine = self._machine
        with machine.news:
            why = self.why_not_back()
            if why:
                raise ConflictError(why)
            if machine.record.state == State.PROBATION:
                machine.heed(Event.BACK)
            else:
                machine.write(back_to_previous(machine.record, machine.parts, machine.clock()))
                machine.heed()

    def lost(self) -> bool:
        """The disk has lost a part of what serves: the model before serves again. False: not now.

        Raises:
            StorageError: The disk does not take the word.
        """
        machine = self._machine
        with machine.news:
            if machine.record.busy or self.why_not_back():
                return False
            machine.write(
                back_to_previous(machine.record, machine.parts, machine.clock(), reason="lost_on_disk")
            )
            machine.heed()
        return True

    def forgive(self, hashes: Iterable[str]) -> None:
        """Offer again what did not do well, or was declined.

        Raises:
            StorageError: The disk does not take the word.
        """
        with self._machine.news:
            self._machine.parts.bad.forgive(hashes)
            self._machine.heed()

    def complain(self) -> None:
        """An answer was bad; during a probation that counts."""
        with self._machine.news:
            if self._machine.record.state == State.PROBATION:
                self._machine.watching.complaint()
                self._machine.heed()

    def why_not_back(self) -> str:
        """Why one cannot go back, in a sentence; empty: one can."""
        if not self._machine.begun:
            return "Updates are just starting."
        return why_not_back(self._machine.record, self._machine.parts)

    def _demand_offered(self, seq: int) -> None:
        record = self._machine.record
        if record.state in (State.IDLE, State.ROLLBACK, State.REPORTED) or (seq and seq != record.seq):
            raise NotFoundError("That model is not offered.", hint="Look for new ones first.")


def why_not_back(record: Record, parts: Parts) -> str:
    """Why one cannot go back, in a sentence; empty: one can."""
    if record.state == State.PROBATION:
        return ""
    if record.busy:
        return "An update is under way."
    active, previous = parts.sets.active(), parts.sets.previous()
    if active is None or previous is None or previous.seq == active.seq:
        return "There is no model to go back to."
    missing = [model for model in previous.models if not parts.shelf.installed(model)]
    return f"{missing[0].title} is not on this box any more." if missing else ""


def back_to_previous(record: Record, parts: Parts, now: float, *, reason: str = "went_back") -> Record:
    """The record with which it begins to go back.

    Raises:
        ConflictError: There is nothing to go back to.
    """
    active, previous = parts.sets.active(), parts.sets.previous()
    if active is None or previous is None:
        raise ConflictError("There is no model to go back to.")
    # What one went away from is remembered, so that it is not installed by itself the next day.
    seq = max((seq for role, seq in active.releases.items() if previous.releases.get(role) != seq), default=0)
    return states.begin(
        record,
        Event.BACK,
        origin=active.origin,
        seq=seq,
        old=previous.seq,
        new=active.seq,
        reason=reason,
        since=now,
    )


def _demand_free(found: Release, parts: Parts) -> None:
    named = parts.wishes.named(found.role)
    if named:
        setting = "brain.model" if found.role == "chat" else "recall.embedder"
        raise ConflictError(
            f"The settings name the model {named}, and they are obeyed.",
            hint=f"Clear {setting} there to have it updated.",
        )
