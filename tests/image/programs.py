"""Versions of Nisse for a box in QEMU: made of the built tree, signed by the test's own publisher, brought on a stick.

Owns: the changes to the tree, the stick, and asking the box's helper in the name of updates.
Does not know: what the box makes of them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from provisioning.image.program import Wish, pack
from provisioning.updates.metadata import Metadata
from provisioning.updates.programs.record import Program
from tests.image.machine import Machine
from tests.image.medium import Medium
from tests.release.publishing import Publisher

KEYS = "/usr/share/nisse/updates"
REPOSITORY = "/run/stick/repository"
_BROUGHT = "/data/nisse/models/brought"  # not where updates keeps its own, which it sweeps
_TUF, _BLOBS = f"{_BROUGHT}/tuf", f"{_BROUGHT}/blobs"
Spoil = Callable[[Path], None]  # is given the folder of the Python packages

_ASK = """
setpriv --reuid {user} --regid {user} --init-groups /opt/nisse/venv/bin/python -I - <<'PYTHON'
import json, socket
with socket.socket(socket.AF_UNIX) as connection:
    connection.settimeout(120)
    connection.connect("/run/nisse/helper.sock")
    connection.sendall(json.dumps({asked!r}).encode() + b"\\n")
    print(connection.makefile().readline())
PYTHON
"""
_MOUNT = "mountpoint -q /run/stick || (mkdir -p /run/stick && mount -o ro /dev/vdb /run/stick)"
_FETCH = f"""
set -e
{_MOUNT}
rm -rf {_TUF}
mkdir -p {_BLOBS}
cp -r /run/stick/tuf {_TUF}
cp {REPOSITORY}/targets/programs/amd64/{{sha256}}.nisse-{{version}}.raw {_BLOBS}/{{sha256}}
chown -R nisse-updates:nisse-models {_BROUGHT}
"""


def nothing(_packages: Path) -> None:
    """A good one."""


def crashes(packages: Path) -> None:
    """The supervisor itself ends at once."""
    _replace(packages / "provisioning/supervision/__main__.py", "raise SystemExit(3)\n")


def is_never_ready(packages: Path) -> None:
    """Everything runs, and the portal says that it is not ready."""
    place = packages / "webui/__init__.py"
    text = place.read_text(encoding="utf-8")
    spoilt = text.replace('"ready": True', '"ready": False')
    assert spoilt != text
    _replace(place, spoilt)


class Stick:
    """Programs on a stick, and the publisher who signed them."""

    def __init__(self, folder: Path, tree: Path, wanted: Mapping[str, Spoil]) -> None:
        """Makes and signs them.

        Args:
            folder: A folder on the same file system as the tree, if there is one.
            tree: The built image's root.
            wanted: What is wrong with each, by its version.
        """
        self.publisher = Publisher(folder / "repository")
        self.programs: dict[str, Program] = {}
        content = folder / "content"
        content.mkdir(parents=True)
        for version, spoil in wanted.items():
            file = _built(folder / version, tree, version, spoil)
            self.programs[version] = self.publisher.add_program(file)
        lists = folder / "tuf"
        Metadata(lists, self.publisher.root, lambda: [self.publisher.url]).refresh()
        shutil.copytree(lists, content / "tuf", symlinks=True)
        for part in ("metadata", "targets"):
            shutil.copytree(self.publisher.folder / part, content / "repository" / part)
        subprocess.run(["chmod", "-R", "a+rX", str(content)], check=True)
        self.file = folder / "stick.img"
        size = sum(each.stat().st_size for each in content.rglob("*") if each.is_file())
        with self.file.open("wb") as out:
            out.truncate(int(size * 1.1) + (64 << 20))
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", str(content), str(self.file)], check=True)

    def trust(self, medium: Medium) -> None:
        """Lays the publisher's keys into the box's first slot, as an image built for it has them."""
        place = f"{medium.file}?offset={medium.partitions['root_a'].begin}"
        subprocess.run(["debugfs", "-w", "-R", f"mkdir {KEYS}", place], check=True, capture_output=True)
        medium.put_into_slot("root_a", f"{KEYS}/root.json", self.publisher.root)

    def plug_in(self, machine: Machine) -> None:
        """Mounts it, as udev does with a stick of FAT."""
        machine.shell.ask(_MOUNT)

    def install(self, machine: Machine, version: str, user: str = "nisse-updates") -> dict[str, Any]:
        """Does what updates does, up to asking root; root's answer."""
        program = self.programs[version]
        machine.shell.ask(_FETCH.format(sha256=program.sha256, version=version))
        return ask(
            machine,
            user,
            verb="program-install",
            path=f"{_BLOBS}/{program.sha256}",
            target=program.target,
            sha256=program.sha256,
            size=program.size,
            lists=_TUF,
        )


def ask(machine: Machine, user: str, **asked: Any) -> dict[str, Any]:
    """What the helper answers a user of the box."""
    said = machine.shell.ask(_ASK.format(user=user, asked=asked))
    return dict(json.loads(said.splitlines()[-1]))


def state(machine: Machine) -> dict[str, Any]:
    """What the box remembers of its programs."""
    text = machine.shell.run("cat /data/programs/state.json").text
    return dict(json.loads(text)["sealed"]) if text.startswith("{") else {}


def until_ended(machine: Machine, version: str, seconds: float) -> tuple[dict[str, Any], float]:
    """How the trial of a version ended, and after how many seconds."""
    began = time.monotonic()
    found: dict[str, Any] = {}

    def has_ended() -> bool:
        found.update(state(machine).get("last") or {})
        return found.get("version") == version and state(machine).get("candidate") is None

    machine.until(has_ended, seconds, f"the end of the trial of {version}")
    return found, time.monotonic() - began


def _built(folder: Path, tree: Path, version: str, spoil: Spoil) -> Path:
    copy = folder / "tree"
    for part in ("opt/nisse/venv", "etc/supervisor"):
        (copy / part).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["cp", "-a", "--reflink=auto", str(tree / part), str((copy / part).parent)], check=True
        )
    [packages] = (copy / "opt/nisse/venv").glob("lib/python3.*/site-packages")
    [info] = packages.glob("nisse-*.dist-info")
    old = info.name.removeprefix("nisse-").removesuffix(".dist-info")
    about = info / "METADATA"
    text = about.read_text(encoding="utf-8")
    about.write_text(text.replace(f"\nVersion: {old}\n", f"\nVersion: {version}\n", 1), encoding="utf-8")
    info.rename(info.with_name(f"nisse-{version}.dist-info"))
    spoil(packages)
    made = pack(Wish(tree=copy, architecture="amd64", epoch=1_795_000_000, folder=folder))
    shutil.rmtree(copy)
    return made


def _replace(source: Path, text: str) -> None:
    """Another text, and no bytecode of the old one."""
    source.write_text(text, encoding="utf-8")
    for compiled in (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc"):
        compiled.unlink()
