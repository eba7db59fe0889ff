"""What goes beside an image: compressed, with its block map, sums, inventory, and an entry for Raspberry Pi Imager.

Owns: those files.
Does not know: what is in the image (`inventory` reads that from the tree).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path

from agent.errors import ConflictError
from provisioning.image import inventory
from provisioning.image.job import Job
from provisioning.image.step import Command, Step, Work

_SHOWN = 20
_LEVEL = 10  # 19 takes ten times as long and saves three in a hundred


def inventory_step(job: Job) -> Step:
    """Before the tree is packed."""
    return Step(
        name="inventory",
        says="the list of all that is in it, and SPDX",
        actions=(
            Work(f"write packages.tsv and {job.stem}.spdx.json from the tree", lambda: _take_stock(job)),
        ),
    )


def packing_step(job: Job) -> Step:
    """After the image is whole."""
    packed = _packed(job)
    return Step(
        name="pack",
        says="compressed, with block map, sums and Raspberry Pi Imager's entry",
        actions=(
            Command(
                ("zstd", "--quiet", "--force", "--threads=0", f"-{_LEVEL}", str(job.image), "-o", str(packed))
            ),
            Command(
                ("bmaptool", "--quiet", "create", "-o", str(job.out / f"{job.stem}.bmap"), str(job.image))
            ),
            Work(f"write {packed.name}.sha256 and rpi-imager.json", lambda: _sum_up(job)),
        ),
    )


def _packed(job: Job) -> Path:
    return job.image.with_name(f"{job.image.name}.zst")


def _take_stock(job: Job) -> None:
    found = inventory.parts(job)
    listing = inventory.listing(found)
    (job.out / "packages.tsv").write_text(listing, encoding="utf-8")
    if job.like:
        demand_same(listing, job.like)
    (job.out / f"{job.stem}.spdx.json").write_text(inventory.spdx(job, found), encoding="utf-8")


def demand_same(listing: str, like: str) -> None:
    """Compares what a build is made of with what an earlier one was made of.

    Raises:
        ConflictError: A part has another version, is missing or is new.
    """
    now, then = set(listing.splitlines()), set(like.splitlines())
    if now == then:
        return
    lines = [f"- {line}" for line in sorted(then - now)] + [f"+ {line}" for line in sorted(now - then)]
    shown = [line.replace("\t", " ") for line in sorted(lines, key=lambda line: line[2:])[:_SHOWN]]
    raise ConflictError(
        f"This build is made of other things than the one it should be like ({len(lines)} lines differ).",
        hint="\n".join(["Name the mirror as it was then, with --mirror. The first differences:", *shown]),
    )


def _sum_up(job: Job) -> None:
    packed = _packed(job)
    sums = {file: _sha256(file) for file in (packed, job.image)}
    text = f"{sums[packed]}  {packed.name}\n"
    packed.with_name(f"{packed.name}.sha256").write_text(text, encoding="utf-8")
    entry = imager_entry(job, {file.name: (file.stat().st_size, total) for file, total in sums.items()})
    (job.out / "rpi-imager.json").write_text(
        json.dumps({"os_list": [entry]}, indent=2) + "\n", encoding="utf-8"
    )


def imager_entry(job: Job, sums: dict[str, tuple[int, str]]) -> dict[str, object]:
    """The image as Raspberry Pi Imager lists it; without an entry it would not offer to preset Wi-Fi and name.

    Args:
        job: The build.
        sums: By the name of the packed and of the unpacked file: size in bytes, and sha256.
    """
    packed = _packed(job).name
    entry: dict[str, object] = {
        "name": f"Nisse {job.version}, {job.board.title}",
        "description": job.board.description or job.board.title,
        "url": packed,  # beside this file; whoever publishes it puts the address in front
        "release_date": dt.datetime.fromtimestamp(job.epoch, dt.UTC).date().isoformat(),
        "extract_size": sums[job.image.name][0],
        "extract_sha256": sums[job.image.name][1],
        "image_download_size": sums[packed][0],
        "image_download_sha256": sums[packed][1],
        "init_format": "rpi-preseed",
    }
    if job.board.imager_devices:
        entry["devices"] = list(job.board.imager_devices)
    return entry


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
