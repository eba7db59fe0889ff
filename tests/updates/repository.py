"""A repository in memory that can lie in every way: the style of python-tuf's own RepositorySimulator.

Owns: lists, keys and files as plain objects, which a test changes as it likes and signs with whatever keys it likes, and a fetcher
that serves them. Does not know: our publisher; it shares no code with it, so that no fault of the one hides in the other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import DownloadHTTPError, DownloadLengthMismatchError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from provisioning.updates.small_files import SmallFiles

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
ROLES = ("root", "timestamp", "snapshot", "targets", "models", "programs")
_YEAR = timedelta(days=365)
_DAY = timedelta(days=1)


class RepositorySimulator:
    """One repository. `publish` signs and serves its present state; everything served before stays, as on a real server."""

    def __init__(self, now: datetime = NOW) -> None:
        """Makes keys and empty lists, and publishes them."""
        self.now = now
        self.keys = {role: [CryptoSigner.generate_ed25519()] for role in ROLES}
        self.root = Root(expires=now + _YEAR, consistent_snapshot=True)
        self.targets = Targets(expires=now + _YEAR)
        roles = {
            name: DelegatedRole(name, [], 1, terminating=True, paths=[f"{name}/*/*"])
            for name in ("models", "programs")
        }
        self.targets.delegations = Delegations({}, roles)
        self.models = Targets(expires=now + _YEAR)
        self.programs = Targets(expires=now + _YEAR)
        self.snapshot = Snapshot(expires=now + 7 * _DAY)
        self.timestamp = Timestamp(expires=now + 2 * _DAY)
        for name, signers in self.keys.items():
            for signer in signers:
                self.holder(name).add_key(signer.public_key, name)
        self.files: dict[str, bytes] = {}  # path below the address -> content
        self.asked: list[str] = []
        self.publish(root=True)

    def holder(self, role: str) -> Root | Targets:
        """Who says which keys sign for a role."""
        return self.targets if role in ("models", "programs") else self.root

    def add_model(
        self, seq: int, *, content: bytes = b"", chunks: bytes = b"chunks", **changes: Any
    ) -> dict[str, Any]:
        """Names a release of one small file in the list of models; the record can be changed before it is signed."""
        content = content or f"the weights of {seq}".encode()
        record = record_of(seq, content) | changes
        self.name(f"models/{seq}/model.gguf", content)
        self.name(f"models/{seq}/model.gguf.chunks", chunks)
        self.name(f"models/{seq}/release.json", json.dumps(record).encode())
        return record

    def add_program(self, version: str, /, *, content: bytes = b"", **changes: Any) -> dict[str, Any]:
        """Names a version of Nisse in the list of programs; the record can be changed before it is signed."""
        content = content or f"the program {version}".encode()
        record = program_of(version, content) | changes
        place = f"programs/amd64/nisse-{version}"
        self.name_program(f"{place}.raw", content)
        self.name_program(f"{place}.raw.chunks", b"chunks")
        self.name_program(f"{place}.json", json.dumps(record).encode())
        return record

    def name_program(self, path: str, content: bytes) -> TargetFile:
        """Puts a file onto the server and into the list of programs."""
        target: TargetFile = TargetFile.from_data(path, content, ["sha256"])
        self.programs.targets[path] = target
        self.files[target_path(path, content)] = content
        return target

    def name(self, path: str, content: bytes) -> TargetFile:
        """Puts a file onto the server and into the list of models."""
        target: TargetFile = TargetFile.from_data(path, content, ["sha256"])
        self.models.targets[path] = target
        self.files[target_path(path, content)] = content
        return target

    def publish(self, *, root: bool = False) -> None:
        """Signs all lists with one version more, and serves them."""
        if root:
            self._serve("root", self.root)
            self.root.version += 1
        lists = (("targets", self.targets), ("models", self.models), ("programs", self.programs))
        for role, signed in lists:
            data = self._serve(role, signed)
            self.snapshot.meta[f"{role}.json"] = MetaFile.from_data(signed.version, data, ["sha256"])
        data = self._serve("snapshot", self.snapshot)
        self.timestamp.snapshot_meta = MetaFile.from_data(self.snapshot.version, data, ["sha256"])
        self.publish_timestamp()
        self.targets.version += 1
        self.models.version += 1
        self.programs.version += 1
        self.snapshot.version += 1

    def publish_timestamp(self) -> None:
        """Signs the timestamp alone."""
        self.timestamp.unrecognized_fields["x-nisse-issued"] = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        self._serve("timestamp", self.timestamp)
        self.timestamp.version += 1

    def signed(self, role: str, signed: Any, *, by: list[CryptoSigner] | None = None) -> bytes:
        """A list as it is served."""
        metadata = Metadata(signed)
        for signer in self.keys[role] if by is None else by:
            metadata.sign(signer, append=True)
        return bytes(metadata.to_bytes())

    def rotate(
        self, role: str, *, count: int = 1, threshold: int = 1, by: list[CryptoSigner] | None = None
    ) -> None:
        """Gives a role new keys, and publishes the new list of keys, signed by the old ones of root too."""
        old = {signer.public_key.keyid: signer for signer in self.keys["root"]}
        holder = self.holder(role)
        for signer in self.keys[role]:
            holder.revoke_key(signer.public_key.keyid, role)
        self.keys[role] = [CryptoSigner.generate_ed25519() for _ in range(count)]
        for signer in self.keys[role]:
            holder.add_key(signer.public_key, role)
        holder.get_delegated_role(role).threshold = threshold
        new = {signer.public_key.keyid: signer for signer in self.keys["root"]}
        data = self.signed("root", self.root, by=list((old | new).values()) if by is None else by)
        self.files[f"metadata/{self.root.version}.root.json"] = data
        self.root.version += 1

    def _serve(self, role: str, signed: Any) -> bytes:
        data = self.signed(role, signed)
        numbered = "" if role == "timestamp" else f"{signed.version}."
        self.files[f"metadata/{numbered}{role}.json"] = data
        return data


class Served(SmallFiles):
    """Serves a simulator's files to python-tuf, without a network."""

    def __init__(self, files: dict[str, bytes], lie: Callable[[str, bytes], bytes] | None = None) -> None:
        """Serves files.

        Args:
            files: By path below the address.
            lie: Changes what is served; may raise.
        """
        super().__init__()
        self._served = files
        self._lie = lie or (lambda _path, data: data)

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """As a server would."""
        return b"".join(self._bounded(url, max_length))

    def _bounded(self, url: str, max_length: int) -> Iterator[bytes]:
        path = url.removeprefix("https://updates.example/").removeprefix("file:///stick/")
        self.asked = path.rpartition("/")[2]
        if path not in self._served:
            raise DownloadHTTPError(f"{path} is not there", 404)
        data = self._lie(path, self._served[path])
        if len(data) > max_length:
            raise DownloadLengthMismatchError(f"{path} is longer than {max_length}")
        yield data


def target_path(path: str, content: bytes) -> str:
    """Where a server has a file."""
    folder, _, name = path.rpartition("/")
    return f"targets/{folder}/{hashlib.sha256(content).hexdigest()}.{name}"


def record_of(seq: int, content: bytes) -> dict[str, Any]:
    """A release's own record."""
    return {
        "format": 1,
        "seq": seq,
        "version": f"{seq}.0",
        "model": {
            "name": f"model-{seq}",
            "role": "chat",
            "title": f"Model {seq}",
            "licence": "Apache-2.0",
            "memory": 200,
            "context": 2048,
            "quantisation": "Q4_K_M",
            "parameters": 135,
            "shape": {
                "layers": 2,
                "embedding": 64,
                "feed_forward": 128,
                "vocabulary": 100,
                "kept": 64,
                "weights": 100_000,
                "input_bytes": 6400,
            },
            "files": [
                {"name": "model.gguf", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            ],
        },
        "probes": [{"prompt": "What is 2 + 2?", "must_match": ["4"]}],
    }


def program_of(version: str, content: bytes) -> dict[str, Any]:
    """A program's own record."""
    return {
        "format": 1,
        "version": version,
        "architecture": "amd64",
        "python": "3.13",
        "needs_system": "0.5",
        "reads": "0.5",
        "readable_by": "0.5",
        "licence": "Apache-2.0",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
