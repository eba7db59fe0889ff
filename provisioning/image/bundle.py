"""`make bundle-os`: packs the system of a built image as a signed update for boxes of that board.

Owns: the bundle's description, and calling RAUC.
Does not know: how the system was built, nor how a box takes the bundle.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from agent.errors import NisseError, NotFoundError, SettingsError, StorageError
from provisioning.image import keys

BUILD = Path("build")
_SLOT = "root.ext4"
_ROOM = 1.2  # RAUC packs first and signs then
# Half of a system are models and compressed modules: more than zstd's quick levels only costs time.
_COMPRESSION = "-comp zstd -Xcompression-level 6"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is to be packed, and with which key."""

    board: str
    version: str
    system: Path  # the file system of a slot
    pair: keys.Pair
    target: Path


def manifest(wish: Wish) -> str:
    """RAUC's description of the bundle. Format verity, because plain bundles over 2 GiB are signed in part only."""
    return (
        f"[update]\ncompatible=nisse-{wish.board}\nversion={wish.version}\n\n"
        "[bundle]\nformat=verity\n\n"
        # Boxes fetch only the blocks that they do not have in either slot.
        f"[image.rootfs]\nfilename={_SLOT}\nadaptive=block-hash-index\n"
    )


def pack(wish: Wish) -> Path:
    """Makes the bundle and checks its signature.

    Raises:
        NotFoundError: There is no built system, or no RAUC on this machine.
        SettingsError: RAUC refuses the key or the description.
        StorageError: There is no room for it.
    """
    if not wish.system.is_file():
        raise NotFoundError(
            f"There is no built system at {wish.system}.", hint=f"Run `make image BOARD={wish.board}` first."
        )
    if not shutil.which("rauc") or not shutil.which("mksquashfs"):
        raise NotFoundError(
            "RAUC or squashfs-tools is not installed.",
            hint="`apt-get install rauc squashfs-tools` brings both.",
        )
    _check_room(wish)
    wish.target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=wish.target.parent, prefix=".bundle-") as folder:
        content = Path(folder) / "content"
        content.mkdir()
        _lay(wish.system, content / _SLOT)
        (content / "manifest.raucm").write_text(manifest(wish), encoding="utf-8")
        fresh = Path(folder) / wish.target.name
        _rauc(wish, content, fresh)
        fresh.replace(wish.target)
    return wish.target


def _lay(system: Path, place: Path) -> None:
    try:
        os.link(system, place)
    except OSError:  # another file system
        shutil.copyfile(system, place)


def _check_room(wish: Wish) -> None:
    wish.target.parent.mkdir(parents=True, exist_ok=True)
    needed = int(_allocated(wish.system) * _ROOM)
    free = shutil.disk_usage(wish.target.parent).free
    if free < needed:
        raise StorageError(
            f"The bundle may need {needed // 1_000_000} MB, and {free // 1_000_000} MB are free.",
            hint="Make room, or name another place with --output.",
        )


def _allocated(file: Path) -> int:
    return file.stat().st_blocks * 512


def _rauc(wish: Wish, content: Path, target: Path) -> None:
    signed = (f"--cert={wish.pair.certificate}", f"--key={wish.pair.key}")
    for words in (
        ("bundle", *signed, f"--mksquashfs-args={_COMPRESSION}", str(content), str(target)),
        ("info", f"--keyring={wish.pair.certificate}", str(target)),
    ):
        done = subprocess.run(["rauc", *words], capture_output=True, text=True, check=False)  # noqa: S603, S607
        if done.returncode:
            raise SettingsError(
                f"RAUC says: {(done.stderr or done.stdout).strip().splitlines()[-1]}",
                hint="Look whether the key fits the certificate.",
            )


def main(arguments: list[str]) -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="make bundle-os", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--board", required=True)
    parser.add_argument(
        "--version", help="else the built system's own; a box takes none that is not newer than what runs"
    )
    parser.add_argument(
        "--system", type=Path, help="the slot's file system; else the one that was built last"
    )
    parser.add_argument("--key", type=Path, help="the signing key; else this machine's development key")
    parser.add_argument("--certificate", type=Path, help="its certificate, which the boxes hold")
    parser.add_argument("--output", type=Path, help="where the bundle goes")
    try:
        wish = _wish(parser.parse_args(arguments))
        bundle = pack(wish)
    except NisseError as error:
        print(f"bundle-os: {error}", file=sys.stderr)
        return 1
    print(f"{bundle}: {bundle.stat().st_size // 1_000_000} MB, version {wish.version} for {wish.board}")
    print(
        "On a stick of FAT it is offered on a box's page Updates, and kept once the house is found healthy."
    )
    return 0


def _wish(given: argparse.Namespace) -> Wish:
    if bool(given.key) != bool(given.certificate):
        raise SettingsError(
            "A key needs its certificate.", hint="Give both --key and --certificate, or neither."
        )
    folder = BUILD / "image" / given.board
    pair = (
        keys.Pair(key=given.key, certificate=given.certificate)
        if given.key
        else keys.development(BUILD / "keys")
    )
    version = given.version or _version(folder)
    return Wish(
        board=given.board,
        version=version,
        system=given.system or folder / _SLOT,
        pair=pair,
        target=given.output or folder / f"nisse-{given.board}-{version}.raucb",
    )


def _version(folder: Path) -> str:
    """What the system that was built last says of itself."""
    image = folder / "root" / "etc" / "nisse" / "image.toml"
    try:
        return str(tomllib.loads(image.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError) as missing:
        raise NotFoundError(
            "Nobody knows which version this system is.", hint="Name it with --version."
        ) from missing


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
