"""A box's medium, looked at and changed while the box is off: as somebody does who puts the card into a computer.

Owns: its partitions, the files of the boot partition, files of a slot, and the search of the whole medium for a text.
Does not know: what any of them is for.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1 << 22


@dataclass(frozen=True, kw_only=True)
class Partition:
    """One partition, in bytes."""

    label: str
    number: int
    begin: int
    size: int


class Medium:
    """A disk as a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @property
    def partitions(self) -> dict[str, Partition]:
        """All partitions by their label."""
        said = subprocess.run(["sfdisk", "--json", str(self.file)], check=True, capture_output=True)
        table = json.loads(said.stdout)["partitiontable"]
        sector = int(table.get("sectorsize", 512))
        return {
            row.get("name", ""): Partition(
                label=row.get("name", ""),
                number=int(row["node"].removeprefix(str(self.file)).lstrip("p")),
                begin=int(row["start"]) * sector,
                size=int(row["size"]) * sector,
            )
            for row in table["partitions"]
        }

    def read(self, name: str) -> bytes | None:
        """A file of the boot partition; None if it is not there."""
        done = self._mtools("mtype", f"::{name}", check=False)
        return done.stdout if done.returncode == 0 else None

    def write(self, name: str, content: bytes) -> None:
        """Puts a file onto the boot partition."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            self._mtools("mcopy", "-o", file.name, f"::{name}")

    def make_folder(self, name: str) -> None:
        """Makes a folder on the boot partition."""
        self._mtools("mmd", f"::{name}")

    def remove(self, name: str) -> None:
        """Takes a file off the boot partition."""
        self._mtools("mdel", f"::{name}")

    def counters(self) -> dict[str, str]:
        """GRUB's counters."""
        from provisioning.slots.counters import Counters

        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "grubenv").write_bytes(self.read("grub/grubenv") or b"")
            return Counters(Path(folder)).values()

    def set_counters(self, **values: str) -> None:
        """Changes GRUB's counters."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "grubenv"
            file.write_bytes(self.read("grub/grubenv") or b"")
            words = [f"{name}={value}" for name, value in values.items()]
            subprocess.run(["grub-editenv", str(file), "set", *words], check=True)
            self.write("grub/grubenv", file.read_bytes())

    def overwrite(self, label: str, content: bytes, *, at: int = 0) -> None:
        """Writes raw bytes into a partition."""
        partition = self.partitions[label]
        assert at + len(content) <= partition.size
        with self.file.open("r+b") as file:
            file.seek(partition.begin + at)
            file.write(content)

    def copy_slot(self, source: str, target: str) -> None:
        """Copies one slot onto another, sparse."""
        pair = self.partitions
        one, other = pair[source], pair[target]
        subprocess.run(
            ["dd", f"if={self.file}", f"of={self.file}", "bs=1M", "conv=notrunc,sparse", "status=none", f"skip={one.begin >> 20}",
             f"seek={other.begin >> 20}", f"count={one.size >> 20}"],
            check=True,
        )  # fmt: skip

    def put_into_slot(self, label: str, name: str, content: bytes) -> None:
        """Replaces a file in a slot's file system, as a bad update would bring it."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            place = f"{self.file}?offset={self.partitions[label].begin}"
            commands = f"rm {name}\nwrite {file.name} {name}\nquit\n"
            done = subprocess.run(
                ["debugfs", "-w", "-f", "-", place],
                input=commands,
                capture_output=True,
                text=True,
                check=False,
            )
            assert "Allocated inode" in done.stdout, done.stderr

    def holds(self, needle: bytes) -> list[int]:
        """Every place on the medium where this text stands; holes are not read."""
        found: list[int] = []
        overlap = len(needle) - 1
        with self.file.open("rb") as file:
            for begin, end in _data(file.fileno()):
                at = max(0, begin - overlap)
                tail = b""
                file.seek(at)
                while at < end:
                    piece = file.read(min(_CHUNK, end - at))
                    if not piece:
                        break
                    whole, place = tail + piece, -1
                    while (place := whole.find(needle, place + 1)) >= 0:
                        found.append(at - len(tail) + place)
                    tail = whole[-overlap:] if overlap else b""
                    at += len(piece)
        return sorted(set(found))

    def _mtools(self, command: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        place = f"{self.file}@@{self.partitions['esp'].begin}"
        environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
        done = subprocess.run(
            [command, "-i", place, *words],
            check=False,
            capture_output=True,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stderr.decode()}"
        return done


def _data(descriptor: int) -> Iterator[tuple[int, int]]:
    end = 0
    with contextlib.suppress(OSError):  # no more data
        while True:
            begin = os.lseek(descriptor, end, os.SEEK_DATA)
            end = os.lseek(descriptor, begin, os.SEEK_HOLE)
            yield begin, end
