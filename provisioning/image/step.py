"""One step of a build: commands that are run, and work that Python does, each with a line that says what.

Owns: what a step is, how it is shown, when it may be left out.
Does not know: which steps there are (`plan`), nor how they are run (`carrying_out`).
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """A program that is run; it must end with 0."""

    words: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    reads: Path | None = None  # its standard input

    @property
    def line(self) -> str:
        """As a shell would take it."""
        assignments = [f"{name}={shlex.quote(value)}" for name, value in self.variables.items()]
        source = [f"<{self.reads}"] if self.reads else []
        return " ".join([*assignments, shlex.join(self.words), *source])


@dataclass(frozen=True)
class Work:
    """Something that Python does itself, mostly because it depends on what earlier steps brought."""

    says: str
    does: Callable[[], None]

    @property
    def line(self) -> str:
        """What it does, for people."""
        return f"# {self.says}"


@dataclass(frozen=True, kw_only=True)
class Step:
    """Some actions under one name. With a product it is left out while the product was made from the same inputs."""

    name: str
    says: str
    actions: tuple[Command | Work, ...]
    product: Path | None = None
    alone_in: Path | None = None  # a folder in which only one build at a time may do this
    inputs: tuple[str, ...] = ()  # beyond the actions' own lines

    @property
    def key(self) -> str:
        """Changes whenever the product has to be made anew."""
        text = "\0".join([*(action.line for action in self.actions), *self.inputs])
        return hashlib.sha256(text.encode()).hexdigest()

    def lines(self) -> list[str]:
        """The step as `--plan` prints it."""
        kept = f"  (kept while nothing of this changes: {self.product})" if self.product else ""
        return [f"{self.name}: {self.says}{kept}", *(f"    {action.line}" for action in self.actions)]
