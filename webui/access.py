"""Who may do what: pages that are for owners only.

Owns: the check.
Does not know: who is logged in how (see `guard` and `session`).
"""

from __future__ import annotations

from agent.errors import ForbiddenError
from webui.portal import visitor


def owner_only() -> None:
    """Lets owners pass; to be used as a blueprint's `before_request`.

    Raises:
        ForbiddenError: A member, or nobody, asks.
    """
    if not visitor().is_owner:
        raise ForbiddenError(
            "Only an owner of this house can do this.", hint="Ask the person who set up the box."
        )
