"""A release from a model's files: everything that can be computed is computed, from the files themselves.

Owns: getting a file from a folder or a URL, describing the model, and laying its files and their lists of chunks into the repository.
Does not know: how lists are signed (`repository`), nor how a box chooses (`provisioning/updates/trust.py`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import ssl
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
from tuf.api.metadata import TargetFile, Targets

from agent import durable
from agent.errors import ConflictError, NotFoundError, SettingsError, UnreachableError
from agent.models import catalogue, described, recorded
from agent.models.catalogue import File, Model
from agent.models.shelf import sha256, writing
from provisioning.release.repository import Keys, Lacking, Repository
from provisioning.updates import chunks, release
from provisioning.updates.news import Target, target_url
from provisioning.updates.release import Release
from provisioning.updates.verified import MODELS

_BLOCK = 1 << 20
_STALLED_S = 60.0
_CONTEXT = 2048  # tokens, with which the model should at least fit
_BITS = 16.0
_HOUSE = 800  # MB that the rest of the house takes
_ABOUT = {
    "name", "title", "licence", "memory", "context", "quantisation", "parameters", "version", "notes", "min_ram_mb", "max_ram_mb",
    "min_agent", "rollout", "probes", "limits",
}  # fmt: skip
_MODEL = ("name", "title", "licence", "memory", "context", "quantisation", "parameters")


def about(path: Path | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the maintainer says of a release.

    Args:
        path: A TOML file, if there is one.
        given: What was said on the command line; it goes before.

    Raises:
        SettingsError: It cannot be read, or says something that there is not.
    """
    try:
        row = tomllib.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise SettingsError(f"{path} cannot be read: {wrong}.") from wrong
    row |= {key: value for key, value in given.items() if value not in (None, "")}
    unknown = sorted(set(row) - _ABOUT)
    if unknown:
        raise SettingsError(
            f"A release says nothing of {', '.join(unknown)}.",
            hint=f"It can say: {', '.join(sorted(_ABOUT))}.",
        )
    return row


def collect(places: Sequence[str], folder: Path, pinned: str = "") -> list[Path]:
    """The files, those on the web fetched.

    Args:
        places: Paths and URLs.
        folder: Where fetched ones go.
        pinned: The sha256 of the file, if there is but one; for a URL it must be known.

    Raises:
        SettingsError: A URL without sha256.
        NotFoundError: A file is not there, or is another than was pinned.
    """
    files = []
    for place in places:
        remote = urlsplit(place).scheme in ("http", "https")
        if remote and (not pinned or len(places) > 1):
            raise SettingsError(
                f"Of {place} no sha256 is given.",
                hint="Fetch one file by --sha256: sign only what you have looked at.",
            )
        path = _fetched(place, folder) if remote else Path(place)
        if not path.is_file():
            raise NotFoundError(f"{place} is no file.")
        if pinned and sha256(path) != pinned:
            raise NotFoundError(f"{place} is not the file with the sha256 {pinned}.")
        files.append(path)
    return files


def add(
    repository: Repository,
    files: Sequence[Path],
    role: str,
    told: dict[str, Any],
    at_hand: Keys,
    *,
    first: int = 1,
) -> tuple[Release, list[Lacking]]:
    """Makes a release and publishes it.

    Args:
        repository: Where.
        files: Of the model; what the runtime opens first.
        role: chat or embed.
        told: What the maintainer says (`about`).
        at_hand: Private keys.
        first: The least number that it may have; boxes that come from another repository take only a higher one than they have.

    Returns:
        The release, and the lists that lack signatures.

    Raises:
        SettingsError: Something is missing or cannot be.
        ModelError: A file is no model.
        ConflictError: There is a release of that name.
    """
    signed: Targets = repository.newest(MODELS).signed
    seq = max([first, *(_seq(path) + 1 for path in signed.targets)])
    made = _release(seq, files, role, told)
    _check_name(made, signed)
    targets = [
        lay(repository.folder, release.file_path(seq, file.name), path) for file, path in _pairs(made, files)
    ]
    for file in made.files:
        content = chunks.to_bytes(
            chunks.cut(place_of(repository.folder, file.target, Target(file.size, file.sha256)))
        )
        targets.append(write(repository.folder, file.chunks, content))
    targets.append(write_record(repository.folder, made))
    return made, repository.change(MODELS, lambda new: name_in(new, targets), at_hand)


def write_record(folder: Path, made: Release) -> TargetFile:
    """Lays a release's own record into the repository, and says what must be signed of it."""
    target = write(folder, release.record_path(made.seq), made.to_bytes())
    target.unrecognized_fields["custom"] = {"seq": made.seq, "role": made.role, "name": made.model.name}
    return target


def write(folder: Path, path: str, content: bytes) -> TargetFile:
    """Lays a small file into the repository, and says what must be signed of it."""
    target = Target(len(content), hashlib.sha256(content).hexdigest())
    durable.write(place_of(folder, path, target), content, mode=0o644)
    return _signed(path, target)


def _release(seq: int, files: Sequence[Path], role: str, told: dict[str, Any]) -> Release:
    model = _model(files, role, told)
    row = {key: value for key, value in told.items() if key not in _MODEL}
    row.setdefault("min_ram_mb", _least_memory(model))
    if role == "chat" and not row.get("probes"):
        raise SettingsError(
            "No probe says what this model must be able to do.",
            hint="Give some by --probe 'QUESTION => PATTERN', or in the file for --about.",
        )
    now = release.write_time(datetime.now(UTC))
    row |= {"format": release.FORMAT, "seq": seq, "published": now, "model": recorded.to_json(model)}
    row["rollout"] = _rollout(row.get("rollout", {}), seq)
    return release.parse(row)


def _rollout(row: Any, seq: int) -> Any:
    """TOML knows moments; the record writes them as text. Each release has other boxes first, unless somebody says which."""
    if not isinstance(row, dict):
        return row
    texts = {key: release.write_time(value) for key, value in row.items() if isinstance(value, datetime)}
    return {"salt": f"release {seq}"} | row | texts


def _model(files: Sequence[Path], role: str, told: dict[str, Any]) -> Model:
    given = {key: told[key] for key in _MODEL if key in told}
    if role == "chat":
        if len(files) != 1:
            raise SettingsError("A chat model is one GGUF file.")
        found = described.describe(files[0])
        name = given.get("name") or f"{found.name}-v{told.get('version', '1')}"
        return dataclasses.replace(found, **{**given, "name": name})
    missing = [key for key in _MODEL if key not in given]
    if missing:
        raise SettingsError(
            f"Of an embedder must be said: {', '.join(missing)}.", hint="In the file for --about."
        )
    rows = tuple(
        File(name=path.name, size=path.stat().st_size, sha256=sha256(path), sources=()) for path in files
    )
    return Model(role=role, files=rows, **given)


def _least_memory(model: Model) -> int:
    """MB that a box must have: the model, a moderate conversation and the rest of the house."""
    cells = model.shape.cells(_CONTEXT, model.shape.layers, _BITS) if model.shape else 0
    return model.memory + cells // 1_000_000 + _HOUSE


def _check_name(made: Release, signed: Targets) -> None:
    taken = {
        str(target.custom.get("name"))
        for target in signed.targets.values()
        if isinstance(target.custom, dict)
    } | {model.name for model in catalogue.load().models}
    if made.model.name in taken:
        raise ConflictError(
            f"There is a model named {made.model.name} already.",
            hint="Give it another by --name or --version.",
        )


def _pairs(made: Release, files: Sequence[Path]) -> list[tuple[File, Path]]:
    return list(zip(made.model.files, files, strict=True))


def lay(folder: Path, path: str, source: Path) -> TargetFile:
    """Copies a file into the repository, under its hash."""
    size, digest = source.stat().st_size, hashlib.sha256()
    temporary = folder / "staged" / source.name
    temporary.parent.mkdir(parents=True, exist_ok=True)
    with writing(), source.open("rb") as original, temporary.open("wb") as into:
        while block := original.read(_BLOCK):
            digest.update(block)
            into.write(block)
        into.flush()
        os.fsync(into.fileno())
    target = Target(size, digest.hexdigest())
    place = place_of(folder, path, target)
    with writing():
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.chmod(0o644)
        temporary.replace(place)
        durable.sync_folder(place.parent)
    return _signed(path, target)


def place_of(folder: Path, path: str, target: Target) -> Path:
    """Where the repository has a file that is signed for."""
    return folder / target_url("", path, target).lstrip("/")


def _signed(path: str, target: Target) -> TargetFile:
    return TargetFile(target.size, {"sha256": target.sha256}, path)


def name_in(signed: Targets, targets: Sequence[TargetFile]) -> None:
    """Names files in a list."""
    signed.targets |= {target.path: target for target in targets}


def _seq(path: str) -> int:
    return int(path.split("/")[1])


def _fetched(url: str, folder: Path) -> Path:
    name = Path(unquote(urlsplit(url).path)).name or "model"
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (
            httpx.stream(
                "GET", url, follow_redirects=True, timeout=_STALLED_S, verify=ssl.create_default_context()
            ) as answer,
            writing(),
            path.open("wb") as into,
        ):
            answer.raise_for_status()
            for block in answer.iter_bytes(_BLOCK):
                into.write(block)
    except httpx.HTTPError as failed:
        path.unlink(missing_ok=True)
        raise UnreachableError(f"{url} cannot be fetched: {failed}.") from failed
    return path


def copy_tree(repository: Path, into: Path) -> int:
    """Copies what boxes need onto a stick, the timestamp last.

    Returns:
        How many files it wrote.
    """
    count = 0
    files = [
        path
        for part in ("targets", "metadata")
        for path in sorted((repository / part).rglob("*"))
        if path.is_file()
    ]
    files.sort(key=lambda path: path.name == "timestamp.json")
    for path in files:
        place = into / path.relative_to(repository)
        if place.exists() and place.stat().st_size == path.stat().st_size and path.name != "timestamp.json":
            continue  # all names but this one are by version or hash
        with writing():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            durable.sync(place)
        count += 1
    return count
