"""What is asked of root about programs, and what root says of them. Root believes none of it and verifies everything itself.

    /run/nisse/helper.sock       one line of JSON there, one back: program-install, program-back, program-status
    /run/nisse/program.json      the base, and what runs, as the start of the house found it
    /data/programs/state.json    which programs root keeps, which it refused, and how the last one ended

Owns: this language and these files' form as far as this side reads them.
Does not know: what root does (`provisioning/programs`, `provisioning/privileged`), nor what follows (`machine`).
"""

from __future__ import annotations

import json
import os
import platform
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from agent import durable
from agent.errors import ConflictError, NisseError, UnavailableError, UnreachableError
from provisioning.updates.known import Present
from provisioning.updates.programs.record import Program
from provisioning.updates.programs.rules import Here
from provisioning.updates.refusals import SENTENCES, RefusedError

KEPT = Path("/data/programs")  # where root keeps them
_LONGEST = 1_000_000  # bytes of an answer
_PATIENCE_S = 60.0
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_MOST_REFUSED = 1000


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A program that root keeps."""

    sha256: str
    size: int
    version: str


@dataclass(frozen=True, kw_only=True)
class Last:
    """How the last one ended."""

    result: str  # committed, rolled_back, went_back or refused
    sha256: str
    version: str
    to: str = ""  # the version that runs since
    reason: str = ""
    sentence: str = ""
    at: float = 0.0

    @property
    def key(self) -> str:
        """What tells it from any other."""
        return f"{self.result} {self.version} {self.sha256[:16]} {self.at:.0f}"


@dataclass(frozen=True, kw_only=True)
class Said:
    """What root's record says."""

    current: Kept | None = None  # None: the base
    previous: Kept | None = None
    candidate: Kept | None = None
    floor: str = ""
    refused: frozenset[str] = frozenset()
    last: Last | None = None

    @property
    def kept(self) -> tuple[Kept, ...]:
        """The programs whose files are there."""
        return tuple(each for each in (self.current, self.previous, self.candidate) if each)


class Root:
    """Root, as the updates see it. On a desk there is none."""

    def __init__(
        self, run: Path | None, kept: Path = KEPT, *, running: Callable[[], str] = lambda: version("nisse")
    ) -> None:
        """Asks nothing yet.

        Args:
            run: The folder of the helper's socket; None: there is none.
            kept: Where root keeps programs.
            running: The version that this process is of.
        """
        self._run, self._kept, self._running = run, kept, running

    @property
    def is_there(self) -> bool:
        """Whether this is a box whose root takes programs."""
        return self._run is not None and (self._run / "helper.sock").exists() and self._kept.is_dir()

    def here(self) -> Here:
        """What a program meets here; `refused` is left to the caller."""
        running, said = self._running(), self.said()
        base = _table(_read(self._run / "program.json").get("base")) if self._run else {}
        return Here(
            architecture=_text(base, "architecture") or _MACHINES.get(platform.machine(), platform.machine()),
            python=_text(base, "python") or f"{sys.version_info.major}.{sys.version_info.minor}",
            base=_text(base, "version") or running,
            running=running,
            floor=said.floor,
        )

    def said(self) -> Said:
        """What root's record says; nothing where it is not there or torn: then the base runs."""
        row = durable.read_sealed(self._kept / "state.json") or {}
        refused = row.get("refused")
        rows = refused[:_MOST_REFUSED] if isinstance(refused, list) else []
        return Said(
            current=_kept(row.get("current")),
            previous=_kept(row.get("previous")),
            candidate=_kept(row.get("candidate")),
            floor=_text(row, "committed_version"),
            refused=frozenset(_text(_table(each), "sha256") for each in rows),
            last=_last(row.get("last")),
        )

    def present(self) -> Sequence[Present]:
        """The files of the programs that root keeps."""
        found = (
            Present(self._kept / f"{each.sha256}.raw", each.sha256, each.size) for each in self.said().kept
        )
        return [each for each in found if each.path.is_file()]

    def install(self, program: Program, path: Path, lists: Path, *, again: bool) -> None:
        """Has root take a program and try it; it answers before it has. The same again is no matter.

        Args:
            program: Which.
            path: Its verified file.
            lists: The signed lists that name it.
            again: Although it did not do well before.

        Raises:
            RefusedError: Root does not take it.
            NisseError: Root cannot now.
        """
        self._ask(
            "program-install",
            path=str(path),
            target=program.target,
            sha256=program.sha256,
            size=program.size,
            lists=str(lists),
            **({"again": True} if again else {}),
        )

    def back(self) -> None:
        """Has root go back to the version before.

        Raises:
            ConflictError: There is none.
            NisseError: Root cannot now.
        """
        self._ask("program-back")

    def works(self) -> str:
        """What root does just now: copying, trial, or nothing.

        Raises:
            NisseError: It does not say.
        """
        return _text(self._ask("program-status"), "working")

    def _ask(self, verb: str, **values: Any) -> dict[str, Any]:
        if self._run is None:
            raise RefusedError("not_a_box")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_PATIENCE_S)
                connection.connect(str(self._run / "helper.sock"))
                connection.sendall(json.dumps({"verb": verb, **values}).encode() + b"\n")
                with connection.makefile("rb") as answer:
                    said = json.loads(answer.readline(_LONGEST))
        except (OSError, ValueError) as away:
            raise UnreachableError(
                "The box's own service does not answer.", hint="It is tried again."
            ) from away
        if not isinstance(said, dict) or said.get("ok") is not True:
            raise _refusal(said)
        return said


def root() -> Root:
    """This machine's; the environment says where the socket lies."""
    run = os.environ.get("NISSE_RUN", "")
    return Root(Path(run) if run else None)


def _refusal(said: Any) -> NisseError:
    row = _table(said)
    error = _table(row.get("error"))
    reason = _text(error, "reason") or _text(row, "reason")
    if reason in SENTENCES:
        return RefusedError(reason, _text(error, "message"))
    message = _text(error, "message") or "The box refused without saying why."
    kind = ConflictError if _text(error, "code") == "conflict" else UnavailableError
    return kind(message, hint=_text(error, "hint"))


def _kept(value: Any) -> Kept | None:
    row = _table(value)
    sha256, size = _text(row, "sha256"), row.get("size")
    if len(sha256) != 64 or not sha256.isalnum() or type(size) is not int:
        return None
    return Kept(sha256=sha256, size=size, version=_text(row, "version"))


def _last(value: Any) -> Last | None:
    row = _table(value)
    if not row:
        return None
    at = row.get("at")
    texts = {name: _text(row, name) for name in ("result", "sha256", "version", "to", "reason", "sentence")}
    return Last(**texts, at=float(at) if isinstance(at, (int, float)) else 0.0)


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value[:2000] if isinstance(value, str) else ""


def _read(file: Path) -> Mapping[str, Any]:
    try:
        with file.open("rb") as opened:
            return _table(json.loads(opened.read(_LONGEST)))
    except (OSError, ValueError):
        return {}
