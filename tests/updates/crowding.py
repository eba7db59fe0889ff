"""A full disk at every stage of an update, on a small file system of its own: `make test-updates` counts which stage does harm.

Owns: the disk, filling it, the stages, and what is harm: what serves must go on, and nothing may count that is not right.
Does not know: pytest.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.errors import NisseError
from agent.models.sets import ModelSet
from agent.models.shelf import Shelf
from provisioning.updates.refusals import RefusedError
from provisioning.updates.release import Release
from provisioning.updates.storehouse import Storehouse
from tests.fakes import gguf
from tests.fakes.mirror import Mirror
from tests.measured import Check
from tests.updates.goods import Repository, bring, storehouse

DISK = 24 << 20
SIZE = 5_000_000


def measure(folder: Path, *, quick: bool) -> list[Check]:
    """How many stages found the disk full, and how many of them did harm."""
    del quick  # it takes seconds
    repository = Repository(folder / "repository")
    harmed = []
    for stage in (*STAGES, MIDWAY):
        with small_disk(folder / f"disk-{stage}") as disk, Mirror(repository.folder) as mirror:
            why = harm(box(disk, repository, mirror.url), repository, disk, stage)
            harmed += [f"{stage}: {why}"] if why else []
    return [
        Check(name="disk_full_stages", value=len(STAGES) + 1, goal=">= 7"),
        Check(name="disk_full_harmed", value=len(harmed), unit=", ".join(harmed), goal="<= 0"),
    ]


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A file system of 24 MiB; needs root."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def box(disk: Path, repository: Repository, url: str) -> Storehouse:
    """A box with a model that serves, and the one before."""
    found = storehouse(disk / "models", repository, url)
    for seq in (1, 2):
        bring(found, made(repository, seq, size=1_000_000))
        serve(found, seq, made(repository, seq, size=1_000_000), seq - 1 or None)
    return found


def made(repository: Repository, seq: int, size: int = SIZE) -> Release:
    """A release of noise."""
    folder = repository.folder.parent / str(seq)
    folder.mkdir(exist_ok=True)
    return repository.release(seq, f"noise-v{seq}", gguf.write(folder / "m.gguf", size=size, seed=seq))


def serve(house: Storehouse, seq: int, release: Release, previous: int | None) -> None:
    """Puts a release in force."""
    new = ModelSet(
        seq=seq,
        origin="signed",
        chat=release.model,
        embed=None,
        made="",
        why="",
        releases={"chat": release.seq},
    )
    house.sets.write(new)
    house.sets.switch(seq, previous)


def fill(place: Path, leave: int = 0) -> Path:
    """Leaves so many bytes free."""
    ballast = place / "ballast"
    facts = os.statvfs(place)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, facts.f_bavail * facts.f_frsize - leave or 1)
    if not leave:
        with contextlib.suppress(OSError), (place / "ballast2").open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
    return ballast


def free_again(place: Path) -> None:
    """Takes away what filled the disk."""
    for name in ("ballast", "ballast2"):
        (place / name).unlink(missing_ok=True)


def serves_still(house: Storehouse) -> bool:
    """Whether the old model, or the new one, is in force and whole, and the way back is there."""
    serving, before = house.sets.serving(), house.sets.previous()
    shelf = Shelf(house.blobs.incoming.parent)
    return bool(
        serving
        and before
        and all(shelf.installed(model) for one in (serving, before) for model in one.models)
    )


STAGES: dict[str, Callable[[Storehouse, Release], object]] = {
    "reserve": lambda house, release: house.reserve(release),
    "download": lambda house, release: house.download(release),
    "verify": lambda house, release: house.verify(release),
    "stage": lambda house, release: house.stage(release.model),
    "switch": lambda house, release: serve(house, 3, release, 2),
    "collect": lambda house, _release: house.collect([]),
}
MIDWAY = "in the midst of the download"


def harm(house: Storehouse, repository: Repository, disk: Path, full_at: str) -> str:
    """What a disk that is full at this stage does to the box; nothing: an empty text."""
    release = made(repository, 3)
    for name, stage in STAGES.items():
        if name == full_at:
            fill(disk)
            wrong = _wrong(lambda stage=stage: stage(house, release)) or _loss(house)  # type: ignore[misc]
            if wrong:
                return wrong
            free_again(disk)
        if name == "download" and full_at == MIDWAY:
            wrong = _wrong(lambda: house.download(release, _filling(disk))) or _loss(house)
            if wrong:
                return wrong
            free_again(disk)
        stage(house, release)
        if wrong := _loss(house):
            return f"later, at {name}: {wrong}"
    serving = house.sets.serving()
    return "" if serving and serving.chat == release.model else "the new model does not serve in the end"


def _filling(disk: Path) -> Callable[[int, int], None]:
    filled: list[Path] = []

    def progress(done: int, _total: int) -> None:
        if done > SIZE // 2 and not filled:
            filled.append(fill(disk))

    return progress


def _wrong(do: Callable[[], object]) -> str:
    """What was said of a full disk that people should not hear; nothing may go well, too."""
    try:
        do()
    except RefusedError as refused:
        return "" if refused.reason == "no_space" else f"refused for {refused.reason}"
    except NisseError as said:
        return "" if said.status == 507 else repr(said)
    except Exception as failed:  # noqa: BLE001 - that is what is judged
        return repr(failed)
    return ""


def _loss(house: Storehouse) -> str:
    if not serves_still(house):
        return "what served does not any more"
    unsound = [sha256 for sha256 in house.blobs.all() if not house.blobs.sound(sha256)]
    return f"a blob is damaged: {unsound}" if unsound else ""
