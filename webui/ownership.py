"""Whether the house has an owner, as conversation knows it and as the box remembers it.

Owns: the answer while conversation is away, and bringing the claim code in line once it is there.
Does not know: who the owner is, nor pages.
"""

from __future__ import annotations

from pathlib import Path

from agent import claim
from webui.house import House


class Ownership:
    """Asks until the answer is yes; a house does not lose its owner while it runs."""

    def __init__(self, home: Path, house: House) -> None:
        self._home = home
        self._house = house
        self._is_sure = False

    def is_claimed(self) -> bool:
        """Whether somebody owns this house. While conversation is away, what the claim code's file says."""
        if not self._is_sure:
            owned = self._house.has_owner()
            if owned is None:
                return not claim.code(self._home)
            self.settle(owned=owned)
        return self._is_sure

    def settle(self, *, owned: bool) -> None:
        """An owned house has no code; one without owner needs one, even if the box remembers another life."""
        self._is_sure = owned
        has_code = bool(claim.code(self._home))
        if owned and has_code:
            claim.used(self._home)
        elif not owned and not has_code:
            (self._home / claim.FILE_NAME).unlink(missing_ok=True)
            claim.code(self._home)
