"""`python -m provisioning.image.comparing ONE TWO`: what two builds of an image differ in, file by file.

Owns: that comparison, of the finished files and of the trees they were made from.
Does not know: how an image is built.
"""

from __future__ import annotations

import hashlib
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

_TREE = "root"
_FINISHED = ("*.img", "*.img.zst", "*.spdx.json", "packages.tsv", "esp.vfat", "root.ext4")


def differences(one: Path, two: Path) -> Iterator[str]:
    """A line for each thing that is not the same in both builds' folders."""
    for pattern in _FINISHED:
        names = {path.name for folder in (one, two) for path in folder.glob(pattern)}
        for name in sorted(names):
            yield from _one_difference(one / name, two / name, name)
    yield from tree_differences(one / _TREE, two / _TREE)


def tree_differences(one: Path, two: Path) -> Iterator[str]:
    """A line for each path whose kind, owner, mode, date or content differs."""
    names = {str(path.relative_to(tree)) for tree in (one, two) for path in tree.rglob("*")}
    for name in sorted(names):
        yield from _one_difference(one / name, two / name, f"/{name}")


def _one_difference(one: Path, two: Path, name: str) -> Iterator[str]:
    there = [path.is_symlink() or path.exists() for path in (one, two)]
    if not all(there):
        yield f"{name}: only in {(one if there[0] else two).parent}"
        return
    first, second = _facts(one), _facts(two)
    wrong = [fact for fact in first if first[fact] != second.get(fact)]
    if wrong:
        yield f"{name}: {', '.join(wrong)}"


def _facts(path: Path) -> dict[str, object]:
    status = path.lstat()
    facts: dict[str, object] = {
        "kind": stat.S_IFMT(status.st_mode),
        "mode": stat.S_IMODE(status.st_mode),
        "owner": (status.st_uid, status.st_gid),
    }
    if path.is_symlink():
        return facts | {"goal": str(path.readlink())}
    if not path.is_file():
        return facts
    with path.open("rb") as file:
        return facts | {"size": status.st_size, "content": hashlib.file_digest(file, "sha256").hexdigest()}


def main(words: list[str]) -> int:
    """Prints the differences; 0 if there is none, 1 if there are, 2 if it was asked wrongly."""
    if len(words) != 2 or not all(Path(word).is_dir() for word in words):
        sys.stderr.write("usage: python -m provisioning.image.comparing FOLDER FOLDER\n")
        return 2
    found = list(differences(Path(words[0]), Path(words[1])))
    sys.stdout.write("".join(f"{line}\n" for line in found) or "no difference\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
