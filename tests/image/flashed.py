"""A built image as a card reader sees it: its partitions, and the files on them, without mounting anything.

Owns: the table by sfdisk, FAT by mtools, ext4 by debugfs, and the list of what an initrd holds.
Does not know: what should be there.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_SECTOR = 512
_CPIO = (b"070701", b"070702")
_HEADER = 110
_NAME_SIZE, _FILE_SIZE = slice(94, 102), slice(54, 62)
_LAST = "TRAILER!!!"


@dataclass(frozen=True)
class Partition:
    """One line of the table."""

    number: int
    name: str
    type: str  # a GUID in capital letters
    start: int  # bytes
    size: int  # bytes


@dataclass(frozen=True)
class Flashed:
    """One image."""

    image: Path

    @cached_property
    def table(self) -> dict[str, Partition]:
        """The partitions by name."""
        said = _run("sfdisk", "--json", str(self.image))
        table = json.loads(said)["partitiontable"]
        assert table["label"] == "gpt", "the image has no GPT"
        unit = int(table.get("sectorsize", _SECTOR))
        lines = (
            Partition(
                number=int(line["node"].removeprefix(str(self.image)).lstrip("p")),
                name=line.get("name", ""),
                type=line["type"].upper(),
                start=line["start"] * unit,
                size=line["size"] * unit,
            )
            for line in table["partitions"]
        )
        return {line.name: line for line in lines}

    def raw(self, partition: str, length: int) -> bytes:
        """A partition's first bytes."""
        with self.image.open("rb") as file:
            file.seek(self.table[partition].start)
            return file.read(length)

    def boot_file(self, name: str) -> bytes:
        """A file of the boot partition."""
        return _run("mtype", "-i", f"{self.image}@@{self.table['esp'].start}", f"::/{name}")

    def boot_files(self) -> set[str]:
        """Paths of all files of the boot partition."""
        said = _run("mdir", "-/", "-b", "-i", f"{self.image}@@{self.table['esp'].start}", "::/").decode()
        return {line.removeprefix("::/") for line in said.splitlines() if not line.endswith("/")}

    def slot_file(self, name: str) -> bytes:
        """A file of the first slot; links are followed.

        Raises:
            FileNotFoundError: There is none.
        """
        content = self._debugfs(f"cat {self._resolved(name)}")
        if not content:
            raise FileNotFoundError(name)
        return content

    def slot_names(self, folder: str) -> list[str]:
        """What lies in a folder of the first slot; nothing if there is no such folder."""
        lines = self._debugfs(f"ls -p {folder}").decode().splitlines()
        names = [line.split("/")[5] for line in lines if line.startswith("/")]
        return [name for name in names if name not in {".", "..", ""}]

    def _resolved(self, name: str) -> str:
        said = self._debugfs(f"stat {name}").decode(errors="replace")
        for line in said.splitlines():
            if line.startswith("Fast link dest:"):
                target = line.partition(":")[2].strip().strip('"')
                return target if target.startswith("/") else f"{name.rpartition('/')[0]}/{target}"
        return name

    def _debugfs(self, request: str) -> bytes:
        return _run("debugfs", "-R", request, f"{self.image}?offset={self.table['root_a'].start}")


def initrd_names(content: bytes) -> set[str]:
    """Paths of everything in an initrd: archives one after another, of which the last may be compressed by zstd."""
    found: set[str] = set()
    at = 0
    while at < len(content):
        if content.startswith(_CPIO, at):
            at = _read_archive(content, at, found)
        elif content[at] == 0:
            at += 1
        else:
            unpacked = subprocess.run(
                ["zstd", "-dc"], input=content[at:], capture_output=True, check=True
            ).stdout
            return found | initrd_names(unpacked)
    return found


def _read_archive(content: bytes, at: int, found: set[str]) -> int:
    while True:
        header = content[at : at + _HEADER]
        name_size, file_size = int(header[_NAME_SIZE], 16), int(header[_FILE_SIZE], 16)
        name = content[at + _HEADER : at + _HEADER + name_size - 1].decode()
        at = (at + _HEADER + name_size + 3) & ~3
        at = (at + file_size + 3) & ~3
        if name == _LAST:
            return at
        found.add(name)


def _run(*words: str) -> bytes:
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 0, f"{words[0]}: {done.stderr.decode(errors='replace')}"
    return done.stdout
