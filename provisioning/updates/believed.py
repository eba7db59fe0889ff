"""The list of releases, once it is known whom to believe: a house without keys has no updates, and all else goes on.

Owns: asking for the keys only when they are needed, and what was believed last.
Does not know: where keys lie, nor how a list is verified (`metadata`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from provisioning.updates.news import News, Target
from provisioning.updates.refusals import RefusedError

if TYPE_CHECKING:
    from provisioning.updates.metadata import Metadata


class Believed:
    """What this house believes. Used by one thread, but for `targets`."""

    def __init__(self, make: Callable[[], Metadata]) -> None:
        """Asks nobody yet.

        Args:
            make: Begins with the keys; raises RefusedError while there are none.
        """
        self._make = make
        self._made: Metadata | None = None
        self._known: News | None = None

    def refresh(self, *, relaxed: bool = False) -> News:
        """Asks the sources.

        Raises:
            RefusedError: None is believed, or nobody is known whom to believe.
        """
        self._known = self._metadata().refresh(relaxed=relaxed)
        return self._known

    def known(self) -> News | None:
        """What was believed last, without asking."""
        if self._known is None:
            try:
                self._known = self._metadata().known()
            except RefusedError:
                return None  # no keys, so nothing was ever believed
        return self._known

    def warning(self) -> str:
        """A sentence for the owner; mostly empty."""
        return self._made.warning() if self._made else ""

    def targets(self) -> Mapping[str, Target]:
        """What was signed of each file; where that is lost, it is asked for anew.

        Raises:
            RefusedError: None is believed.
        """
        return (self.known() or self.refresh()).targets

    def _metadata(self) -> Metadata:
        if self._made is None:
            self._made = self._make()
        return self._made
