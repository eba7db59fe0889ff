"""The signed lists of a repository: changed, signed by as many keys as must, and published in an order that is right at every instant.

    metadata/3.root.json ...     the lists, as boxes read them; a list is never changed, a newer one stands beside it
    metadata/timestamp.json      names the newest; written last
    targets/models/...           the files, each by its hash
    targets/programs/...         likewise
    staged/models.json           a list that lacks signatures; boxes do not look at it

Owns: these files, versions, periods of validity and thresholds. python-tuf owns the format and the signatures.
Does not know: what a release is (`making`), nor where keys come from (`keys`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    Targets,
    Timestamp,
)

from agent import durable
from agent.errors import ConflictError, NotFoundError, SettingsError
from provisioning.release.roles import (
    NEEDED,
    PATHS,
    PERIODS,
    ROLES,
    SIGNED_BY_PEOPLE,
    delegated,
    set_role,
    set_threshold,
)
from provisioning.updates.release import read_time, write_time
from provisioning.updates.verified import ISSUED, MODELS, PROGRAMS

_EARLY = 2  # a list is signed anew in the last half of its period
_LEAP = timedelta(days=400)  # more than that since the last signing: rather the clock is wrong

Signed = Root | Targets | Snapshot | Timestamp


class Keys(Protocol):
    """Private keys at hand."""

    def signers(self, key_ids: Any) -> list[CryptoSigner]:
        """Those of these keys that are at hand."""


@dataclass(frozen=True)
class Lacking:
    """A list that must be signed by more people before it counts."""

    role: str
    have: int
    need: int
    keys: tuple[str, ...]  # any of these can sign

    def __str__(self) -> str:
        """A sentence."""
        missing = self.need - self.have
        return (
            f"The list {self.role} is signed by {self.have} of {self.need}: {missing} more must sign it, with "
            f"`nisse release sign`, by any of the keys {', '.join(key[:8] for key in self.keys)}."
        )


class Repository:
    """One repository, in a folder."""

    def __init__(self, folder: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Uses the folder.

        Args:
            folder: What is served; it need not be there yet.
            now: The clock.
        """
        self.folder = folder
        self.metadata = folder / "metadata"
        self._now = now

    def begin(
        self, keys: Mapping[str, list[SSlibKey]], thresholds: Mapping[str, int], at_hand: Keys
    ) -> list[Lacking]:
        """Makes the first lists, which name no model yet.

        Args:
            keys: The public keys of each of ROLES.
            thresholds: How many of them must sign; without an entry one.
            at_hand: The private ones.

        Raises:
            ConflictError: There is a repository already.
            SettingsError: A role has fewer keys than must sign.
        """
        if self.metadata.exists():
            raise ConflictError(f"{self.folder} is a repository already.")
        root, targets = Root(version=1, consistent_snapshot=True), Targets(version=1)
        files = [name for name in PATHS if name == MODELS or keys.get(name)]
        targets.delegations = Delegations({}, {name: delegated(name) for name in files})
        for name in (name for name in ROLES if name in files or name not in PATHS):
            holder: Root | Targets = targets if name in PATHS else root
            for key in keys.get(name, []):
                holder.add_key(key, name)
            set_threshold(holder, name, thresholds.get(name, 1))
        lists: dict[str, Signed] = {"root": root, "targets": targets}
        for name, signed in (lists | {name: Targets(version=1) for name in files}).items():
            signed.expires = self._expiry(name)
            self._stage(name, Metadata(signed))
        return self.sign(at_hand)

    @property
    def has_programs(self) -> bool:
        """Whether it says who may sign for programs."""
        return bool(self._versions(PROGRAMS))

    def allow_programs(self, keys: list[SSlibKey], threshold: int, at_hand: Keys) -> list[Lacking]:
        """Says for the first time who may sign for programs.

        Args:
            keys: Their public keys.
            threshold: How many of them must.
            at_hand: The private ones; those of targets must sign it.

        Returns:
            The lists that lack signatures; none where all is published.
        """
        self._check_free("targets")
        empty = Targets(version=1, expires=self._expiry(PROGRAMS))

        def edit(signed: Targets) -> None:
            delegations = signed.delegations or Delegations({}, {})
            delegations.roles = {**(delegations.roles or {}), PROGRAMS: delegated(PROGRAMS)}
            signed.delegations = delegations
            set_role(signed, PROGRAMS, add=keys, threshold=threshold or 1)
            self._stage(PROGRAMS, Metadata(empty))

        return self.change("targets", edit, at_hand)

    def newest(self, role: str) -> Metadata[Any]:
        """The list of a role that boxes are shown.

        Raises:
            NotFoundError: There is none.
        """
        if role == "timestamp":
            return self._load(self.metadata / "timestamp.json")
        return self._load(self._numbered(role, self._versions(role)[-1]) if self._versions(role) else None)

    def change(self, role: str, edit: Callable[[Any], None], at_hand: Keys) -> list[Lacking]:
        """Changes a list and publishes it, if enough keys are at hand; else it waits for more signatures.

        Args:
            role: One of root, targets, models and programs.
            edit: Changes the list.
            at_hand: The private keys.

        Returns:
            The lists that lack signatures; none where all is published.
        """
        self._check_clock()
        self._check_free(role)
        metadata = copy.deepcopy(self.newest(role))
        metadata.signatures.clear()
        metadata.signed.version += 1
        metadata.signed.expires = self._expiry(role)
        edit(metadata.signed)
        self._stage(role, metadata)
        return self.sign(at_hand)

    def sign(self, at_hand: Keys) -> list[Lacking]:
        """Adds what signatures can be added to lists that wait, and publishes what is complete.

        Returns:
            The lists that still lack signatures.
        """
        self._check_clock()
        lacking = []
        for role in SIGNED_BY_PEOPLE:
            self._replace_if_void(role)
            found = self._sign(role, at_hand)
            lacking += [found] if found else []
        if all(self._versions(role) for role in NEEDED):
            # Also while a list waits for signatures: what is published must not end meanwhile.
            lacking += self._name_newest(at_hand)
        return lacking

    def refresh(self, at_hand: Keys) -> list[Lacking]:
        """Signs anew what would expire soon, as far as keys are at hand; the timestamp each time."""
        self._check_clock()
        lacking = []
        for role in SIGNED_BY_PEOPLE:
            if self._ends_soon(role) and not self._staged(role).exists():
                lacking += self.change(role, lambda _signed: None, at_hand)
        return lacking or self.sign(at_hand)

    def unstage(self) -> list[str]:
        """Throws away the lists that lack signatures.

        Returns:
            Their roles.
        """
        roles = [role for role in SIGNED_BY_PEOPLE if self._staged(role).exists()]
        for role in roles:
            durable.remove(self._staged(role))
        return roles

    def expiries(self) -> dict[str, datetime]:
        """When each list that boxes are shown ends."""
        return {
            role: self.newest(role).signed.expires
            for role in ROLES
            if role not in PATHS or self._versions(role)
        }

    def _replace_if_void(self, role: str) -> None:
        """After a change of keys the list that boxes are shown may have been signed by some who may no longer."""
        if role == "root" or not self._versions(role) or self._staged(role).exists():
            return
        metadata = copy.deepcopy(self.newest(role))
        if self._lacking(role, metadata):
            metadata.signatures.clear()
            metadata.signed.version += 1
            self._stage(role, metadata)

    def _sign(self, role: str, at_hand: Keys) -> Lacking | None:
        if not self._staged(role).exists():
            return None
        metadata = self._load(self._staged(role))
        for signer in at_hand.signers(self._may_sign(role, metadata)):
            metadata.sign(signer, append=True)
        lacking = self._lacking(role, metadata)
        if lacking or not self._is_vouched_for(role):
            self._stage(role, metadata)
            return lacking
        durable.write(self._numbered(role, metadata.signed.version), metadata.to_bytes(), mode=0o644)
        durable.remove(self._staged(role))
        return None

    def _name_newest(self, at_hand: Keys) -> list[Lacking]:
        """Snapshot and timestamp: which lists belong together, and which is the newest."""
        meta = {f"{role}.json": self._meta(role) for role in SIGNED_BY_PEOPLE[1:] if self._versions(role)}
        versions = self._versions("snapshot")
        old: Snapshot | None = self.newest("snapshot").signed if versions else None
        void = old is not None and self._lacking("snapshot", self.newest("snapshot"))
        if old is None or void or old.meta != meta or self._ends_soon("snapshot"):
            version = old.version + 1 if old else 1
            snapshot = Metadata(Snapshot(version=version, expires=self._expiry("snapshot"), meta=meta))
            lacking = self._complete("snapshot", snapshot, at_hand)
            if lacking:
                return [lacking]
            durable.write(self._numbered("snapshot", version), snapshot.to_bytes(), mode=0o644)
        path = self.metadata / "timestamp.json"
        timestamp = Metadata(
            Timestamp(
                version=self.newest("timestamp").signed.version + 1 if path.exists() else 1,
                expires=self._expiry("timestamp"),
                snapshot_meta=self._meta("snapshot"),
                unrecognized_fields={ISSUED: write_time(self._now())},
            )
        )
        lacking = self._complete("timestamp", timestamp, at_hand)
        if lacking:
            return [lacking]
        durable.write(path, timestamp.to_bytes(), mode=0o644)
        return []

    def _complete(self, role: str, metadata: Metadata[Any], at_hand: Keys) -> Lacking | None:
        for signer in at_hand.signers(self._may_sign(role, metadata)):
            metadata.sign(signer, append=True)
        return self._lacking(role, metadata)

    def _may_sign(self, role: str, metadata: Metadata[Any]) -> list[str]:
        delegators = self._delegators(role, metadata)
        return list(dict.fromkeys(key for each in delegators for key in each.get_delegated_role(role).keyids))

    def _delegators(self, role: str, metadata: Metadata[Any]) -> list[Root | Targets]:
        """Whose rules the list must satisfy: a new root's those of the old one and its own."""
        if role == "root":
            old = [self.newest("root").signed] if self._versions("root") else []
            return [*old, metadata.signed]
        holder = "targets" if role in PATHS else "root"
        staged = self._staged(holder)
        if staged.exists() and not (self._versions(holder) and self._is_vouched_for(role)):
            return [self._load(staged).signed]
        return [self.newest(holder).signed]

    def _is_vouched_for(self, role: str) -> bool:
        """Whether boxes can know who may sign for it; else its list waits for the one that says so."""
        if role != PROGRAMS:
            return True
        delegations = self.newest("targets").signed.delegations if self._versions("targets") else None
        return bool(delegations and PROGRAMS in (delegations.roles or {}))

    def _check_free(self, role: str) -> None:
        if self._staged(role).exists():
            raise ConflictError(
                f"A change of the list {role} still lacks signatures.",
                hint="Have it signed by `nisse release sign`, or throw it away by `nisse release unstage`.",
            )

    def _lacking(self, role: str, metadata: Metadata[Any]) -> Lacking | None:
        for delegator in self._delegators(role, metadata):
            result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
            if not result:
                return Lacking(role, len(result.signed), result.threshold, tuple(result.unsigned))
        return None

    def _meta(self, role: str) -> MetaFile:
        version = self._versions(role)[-1]
        data = self._numbered(role, version).read_bytes()
        return MetaFile.from_data(version, data, ["sha256"])

    def _ends_soon(self, role: str) -> bool:
        if not self._versions(role):
            return False
        left: timedelta = self.newest(role).signed.expires - self._now()
        return left < PERIODS[role] / _EARLY

    def _expiry(self, role: str) -> datetime:
        return (self._now() + PERIODS[role]).replace(microsecond=0)

    def _check_clock(self) -> None:
        """What is signed with a wrong date cannot be taken back: boxes remember the latest."""
        path = self.metadata / "timestamp.json"
        issued = self._load(path).signed.unrecognized_fields.get(ISSUED) if path.exists() else None
        if not issued:
            return
        since = self._now() - read_time(issued)
        if not -timedelta(minutes=5) <= since <= _LEAP:
            raise SettingsError(
                f"The last list was signed on {issued}, and this clock says {write_time(self._now())}.",
                hint="Set the clock of this machine right.",
            )

    def _versions(self, role: str) -> list[int]:
        names = (path.name.split(".") for path in self.metadata.glob(f"*.{role}.json"))
        return sorted(int(name[0]) for name in names if len(name) == 3 and name[0].isdecimal())

    def _numbered(self, role: str, version: int) -> Path:
        return self.metadata / f"{version}.{role}.json"

    def _staged(self, role: str) -> Path:
        return self.folder / "staged" / f"{role}.json"

    def _stage(self, role: str, metadata: Metadata[Any]) -> None:
        durable.write(self._staged(role), metadata.to_bytes(), mode=0o644)

    def _load(self, path: Path | None) -> Metadata[Any]:
        try:
            if path is None:
                raise FileNotFoundError
            return Metadata.from_bytes(path.read_bytes())
        except OSError as missing:
            raise NotFoundError(
                f"{self.folder} is no repository.", hint="Make one by `nisse release init`."
            ) from missing
        except (RepositoryError, ValueError) as wrong:
            raise SettingsError(f"{path} is damaged: {wrong}.") from wrong
