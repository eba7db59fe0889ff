"""What an update of Nisse is made with.

Owns: the protocol of root, as narrow as the steps need it, and the table of parts.
Does not know: any of the parts; `service` puts the real ones together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from provisioning.updates.known import Present
from provisioning.updates.lane import Lane
from provisioning.updates.parts import MayGoOn, Source, Wishes
from provisioning.updates.programs.book import ProgramBook
from provisioning.updates.programs.handing import Said
from provisioning.updates.programs.record import Program
from provisioning.updates.programs.rules import Here
from provisioning.updates.programs.store import ProgramStore
from provisioning.updates.trust import Box


class Root(Protocol):
    """Who takes programs and tries them (`handing`)."""

    @property
    def is_there(self) -> bool:
        """Whether there is one."""

    def here(self) -> Here:
        """What a program meets on this box."""

    def said(self) -> Said:
        """What its record says."""

    def present(self) -> Sequence[Present]:
        """The files that it keeps."""

    def install(self, program: Program, path: Path, lists: Path, *, again: bool) -> None:
        """Has it take a program; raises RefusedError."""

    def back(self) -> None:
        """Has it go back; raises ConflictError."""

    def works(self) -> str:
        """What it does just now; empty: nothing."""


@dataclass(frozen=True, kw_only=True)
class ProgramParts:
    """All of them."""

    book: ProgramBook
    source: Source
    store: ProgramStore
    root: Root
    wishes: Wishes
    box: Box
    line: MayGoOn  # why nothing may be fetched now
    lane: Lane
    lists: Path  # the folder of the signed lists, for root to read
