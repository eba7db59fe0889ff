"""The roles of a repository: who signs what, for how long, and changing who may.

Owns: their names, the paths that the roles for files may sign for, the periods of validity, and the keys and thresholds of a role.
Does not know: where a list lies, nor how it is published (`repository`).
"""

from __future__ import annotations

from datetime import timedelta

from securesystemslib.signer import SSlibKey
from tuf.api.metadata import DelegatedRole, Root, Targets

from agent.errors import SettingsError
from provisioning.updates.verified import MODELS, PROGRAMS

# `targets` says who may sign for the files of each. A repository may have no role for programs: older ones do not.
PATHS = {MODELS: "models/*/*", PROGRAMS: "programs/*/*"}
SIGNED_BY_PEOPLE = (
    "root",
    "targets",
    MODELS,
    PROGRAMS,
)  # the lists that people sign, in the order in which they vouch for each other
NEEDED = ("root", "targets", MODELS)
ROLES = (*SIGNED_BY_PEOPLE, "snapshot", "timestamp")
# For how long each list is valid. A box that hears nothing for longer takes nothing more; what serves goes on.
PERIODS = {
    "root": timedelta(days=365),
    "targets": timedelta(days=90),
    MODELS: timedelta(days=30),
    PROGRAMS: timedelta(days=30),
    "snapshot": timedelta(days=7),
    "timestamp": timedelta(days=2),
}


def delegated(role: str) -> DelegatedRole:
    """The role by which targets lets others sign for files."""
    return DelegatedRole(role, [], 1, terminating=True, paths=[PATHS[role]])


def set_role(
    signed: Root | Targets,
    role: str,
    *,
    add: list[SSlibKey] | None = None,
    remove: list[str] | None = None,
    threshold: int = 0,
) -> None:
    """Changes who may sign for a role.

    Args:
        signed: The list that says so: root, or for the roles for models and programs targets.
        role: Which.
        add: Public keys that may from now on.
        remove: Beginnings of the ids of keys that may no longer.
        threshold: How many must; 0: as before.

    Raises:
        SettingsError: There is no such key, or fewer are left than must sign.
    """
    for key in add or []:
        signed.add_key(key, role)
    for begin in remove or []:
        found = [key_id for key_id in signed.get_delegated_role(role).keyids if key_id.startswith(begin)]
        if len(found) != 1:
            raise SettingsError(f"The role {role} has {len(found)} keys that begin with {begin!r}.")
        signed.revoke_key(found[0], role)
    set_threshold(signed, role, threshold or signed.get_delegated_role(role).threshold)


def set_threshold(signed: Root | Targets, role: str, threshold: int) -> None:
    """How many keys of a role must sign.

    Raises:
        SettingsError: It has fewer.
    """
    count = len(signed.get_delegated_role(role).keyids)
    if not 1 <= threshold <= count:
        raise SettingsError(
            f"{threshold} must sign for {role}, which has {count} keys.", hint="Give it more keys."
        )
    signed.get_delegated_role(role).threshold = threshold
