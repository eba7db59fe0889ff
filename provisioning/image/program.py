"""`make bundle-app`: packs the application of a built image as a program, which boxes take without a new system.

Owns: what goes in, the file's format, and the record beside it that `nisse release program` reads.
Does not know: how the tree was built, who signs the program, nor how a box takes it (`provisioning/programs`).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import NisseError, NotFoundError, SettingsError, StorageError
from provisioning.image import board as boards
from provisioning.image.epoch import moment

BUILD = Path("build")
LICENCE = "Apache-2.0"
_COMPATIBLE = "provisioning/programs/compatible.toml"
_DATED = ("reads", "readable_by", "needs_system")
_INFO = re.compile(r"nisse-(\d{1,6}(?:\.\d{1,6}){0,3})\.dist-info")
_ROOM = 1.1


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is to be packed."""

    tree: Path  # the image's root as a folder
    architecture: str
    epoch: int  # seconds since 1970: no file is younger
    folder: Path  # where the program goes

    @property
    def venv(self) -> Path:
        """The Python environment."""
        return self.tree / "opt/nisse/venv"

    @property
    def supervisor(self) -> Path:
        """Which processes there are."""
        return self.tree / "etc/supervisor"


def record(wish: Wish) -> dict[str, Any]:
    """What is known of the program before it is published.

    Raises:
        NotFoundError: The tree has no application in it, or more than one.
        SettingsError: It does not say with which versions it gets along.
    """
    places = sorted(wish.venv.glob("lib/python3.*/site-packages"))
    infos = [info for place in places for each in place.iterdir() if (info := _INFO.fullmatch(each.name))]
    if len(places) != 1 or len(infos) != 1 or not (wish.supervisor / "supervisord.conf").is_file():
        raise NotFoundError(
            f"There is no built application in {wish.tree}.", hint="Run `make image BOARD=...` first."
        )
    try:
        said = tomllib.loads((places[0] / _COMPATIBLE).read_text(encoding="utf-8"))
        dated = {name: str(said[name]) for name in _DATED}
    except (OSError, KeyError, ValueError) as wrong:
        raise SettingsError(
            f"{_COMPATIBLE} does not say {', '.join(_DATED)}: {wrong}.", hint="Mend it and build anew."
        ) from wrong
    python = places[0].parent.name.removeprefix("python")
    return {
        "format": 1,
        "version": infos[0][1],
        "architecture": wish.architecture,
        "python": python,
        **dated,
        "licence": LICENCE,
    }


def command(wish: Wish, target: Path) -> tuple[str, ...]:
    """How the file is made: the same bytes for the same tree."""
    return (
        "mksquashfs",
        str(wish.venv),
        str(wish.supervisor),
        str(target),
        *("-noappend", "-quiet", "-no-progress", "-no-xattrs", "-all-root", "-root-mode", "755"),
        *("-mkfs-time", str(wish.epoch), "-all-time", str(wish.epoch)),
        # Every box reads it from a card while it starts: small, and quick to unpack.
        *("-comp", "zstd", "-Xcompression-level", "15"),
    )


def pack(wish: Wish) -> Path:
    """Makes the program and its record.

    Raises:
        NotFoundError: There is nothing to pack, or nothing to pack it with.
        SettingsError: The tree is not as it must be.
        StorageError: There is no room for it, or it could not be written.
    """
    about = record(wish)
    if not shutil.which("mksquashfs"):
        raise NotFoundError(
            "squashfs-tools is not installed.", hint="`apt-get install squashfs-tools` brings it."
        )
    wish.folder.mkdir(parents=True, exist_ok=True)
    _check_room(wish)
    target = wish.folder / f"nisse-{about['version']}-{about['architecture']}.raw"
    fresh = target.with_name(f".{target.name}.new")
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    done = subprocess.run(  # noqa: S603 - our own words
        command(wish, fresh), capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        fresh.unlink(missing_ok=True)
        raise StorageError(f"mksquashfs failed: {done.stderr.strip()[-500:]}.")
    fresh.chmod(0o644)
    fresh.replace(target)
    target.with_suffix(".json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return target


def _check_room(wish: Wish) -> None:
    needed = int(sum(each.lstat().st_size for each in wish.venv.rglob("*")) * _ROOM)
    free = shutil.disk_usage(wish.folder).free
    if free < needed:
        raise StorageError(
            f"The program may need {needed // 1_000_000} MB, and {free // 1_000_000} MB are free.",
            hint="Make room, or name another place with --output.",
        )


def main(arguments: list[str]) -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="make bundle-app", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--board", required=True)
    parser.add_argument("--tree", type=Path, help="an image's root as a folder; else the one built last")
    parser.add_argument("--output", type=Path, help="the folder where the program goes")
    given = parser.parse_args(arguments)
    try:
        folder = BUILD / "image" / given.board
        wish = Wish(
            tree=given.tree or folder / "root",
            architecture=boards.load(given.board).kind.name,
            epoch=moment(Path(__file__).parents[2]),
            folder=given.output or folder,
        )
        program = pack(wish)
    except NisseError as error:
        print(f"bundle-app: {error}", file=sys.stderr)
        return 1
    print(f"{program}: {program.stat().st_size // 1_000_000} MB")
    print(f"`nisse release program {program}` signs and publishes it for boxes.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
