"""Puts the bundle together: lists, packages, our own wheel, the engine for the processor, units, and the hash of every file.

Owns: the steps, and how the bundle is laid out.
Does not know: what the installer does with it.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from agent.errors import NotFoundError
from provisioning.image.rootfs import empty
from provisioning.image.step import Command, Step, Work
from provisioning.jetson import contents, packages

_INSTALLER = Path(__file__).parent / "install.sh"
_MANIFEST = "MANIFEST.sha256"
_OWN = ("agent", "webui", "provisioning", "pyproject.toml", "README.md", "LICENSE")


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """One bundle to make."""

    checkout: Path
    board: str
    version: str
    epoch: int  # seconds since 1970: no file of the bundle is younger, so that two agree
    python: str  # the interpreter whose pip is used
    run_lock: str
    build_lock: str
    own_files: tuple[str, ...]  # what of the checkout belongs to the project

    @property
    def out(self) -> Path:
        """Where the bundle's files lie."""
        return self.checkout / "build" / "image" / self.board

    @property
    def stem(self) -> str:
        """The bundle's name, and that of the folder in it."""
        return f"nisse-{self.board}-{self.version}"

    @property
    def folder(self) -> Path:
        """What is packed."""
        return self.out / self.stem

    @property
    def file(self) -> Path:
        """The bundle."""
        return self.out / f"{self.stem}.tar"

    @property
    def fetched(self) -> Path:
        """Packages that were fetched; kept between builds."""
        return self.checkout / "build" / "wheels" / self.board

    @property
    def engines(self) -> Path:
        """Where the image builder leaves the engine's wheel for every processor of this kind."""
        return self.checkout / "build" / "wheels" / "arm64"


def steps(bundle: Bundle) -> tuple[Step, ...]:
    """All of them, in their order. The engine's wheel must be there."""
    return (_fetching(bundle), _own_wheel(bundle), _layout(bundle), _packing(bundle))


def _fetching(bundle: Bundle) -> Step:
    lists = packages.lists(bundle.run_lock, bundle.build_lock)
    wanted = [(python, packages.list_name(python)) for python in packages.PYTHONS]
    # The compilers' tools and the engine's source are the same for every Python.
    wanted += [(packages.PYTHONS[0], name) for name in (packages.BUILD_LIST, packages.GPU_LIST)]
    fetch = (
        Command(packages.fetching(python, bundle.python, str(bundle.fetched / name), str(bundle.fetched)))
        for python, name in wanted
    )
    return Step(
        name="packages",
        says=f"Python packages for {packages.MACHINE}, Python {', '.join(packages.PYTHONS)}",
        actions=(Work(f"write {', '.join(lists)}", lambda: _write(bundle.fetched, lists)), *fetch),
        product=bundle.fetched / packages.BUILD_LIST,
        inputs=tuple(lists.values()),
    )


def _own_wheel(bundle: Bundle) -> Step:
    source = bundle.out / "source"
    return Step(
        name="nisse",
        says="the house itself as a wheel",
        actions=(
            Work(f"copy {', '.join(_OWN[:3])} to {source}", lambda: _copy_own(bundle, source)),
            Work(f"make {bundle.folder} anew", lambda: empty(bundle.folder)),
            Command(
                (bundle.python, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index",
                 "--no-build-isolation", f"--wheel-dir={bundle.folder}", str(source)),
                {"SOURCE_DATE_EPOCH": str(bundle.epoch)},
            ),
        ),
    )  # fmt: skip


def _layout(bundle: Bundle) -> Step:
    return Step(
        name="layout",
        says="installer, units, packages and the engine in one folder",
        actions=(
            Work("copy install.sh, rootfs/, packages/, engine/, VERSION, LICENSE", lambda: _lay_out(bundle)),
            Work(f"write {_MANIFEST}: every file with its hash", lambda: _note_hashes(bundle.folder)),
        ),
    )


def _packing(bundle: Bundle) -> Step:
    # Not compressed: wheels are already.
    return Step(
        name="pack",
        says=f"{bundle.file.name} and its sha256",
        actions=(
            Command(
                ("tar", "--create", "--format=gnu", "--sort=name", f"--mtime=@{bundle.epoch}", "--owner=0", "--group=0",
                 "--numeric-owner", "--mode=u=rwX,go=rX", f"--file={bundle.file}", f"--directory={bundle.out}", bundle.stem),
            ),
            Work(f"write {bundle.file.name}.sha256", lambda: _note_own_hash(bundle.file)),
        ),
    )  # fmt: skip


def _write(folder: Path, texts: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _copy_own(bundle: Bundle, source: Path) -> None:
    empty(source)
    for name in bundle.own_files:
        if name.split("/")[0] in _OWN:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle.checkout / name, source / name)


def _lay_out(bundle: Bundle) -> None:
    """Raises NotFoundError: the engine's wheel was not built."""
    wheels = sorted(bundle.engines.glob(f"{packages.ENGINE.replace('-', '_')}-*_{packages.MACHINE}.whl"))
    if not wheels:
        raise NotFoundError(
            f"The engine for {packages.MACHINE} is not in {bundle.engines}.",
            hint="Build it: sudo .venv/bin/python -m provisioning.image --board arm64 --until engine",
        )
    _copy(wheels[-1], bundle.folder / "engine" / wheels[-1].name)
    for name, path in contents.files(bundle.checkout).items():
        _copy(path, bundle.folder / "rootfs" / name)
    lists = packages.lists(bundle.run_lock, bundle.build_lock)
    for path in sorted(bundle.fetched.iterdir()):
        if path.name in lists or path.suffix in {".whl", ".gz"}:
            _copy(path, bundle.folder / "packages" / path.name)
    _copy(_INSTALLER, bundle.folder / _INSTALLER.name)
    _copy(bundle.checkout / "LICENSE", bundle.folder / "LICENSE")
    (bundle.folder / "VERSION").write_text(f"{bundle.version}\n", encoding="ascii")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)  # with its mode: the installer is a program


def _note_hashes(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _MANIFEST)
    lines = (f"{_hash(path)}  {path.relative_to(folder)}\n" for path in files)
    (folder / _MANIFEST).write_text("".join(lines), encoding="utf-8")


def _note_own_hash(file: Path) -> None:
    file.with_name(f"{file.name}.sha256").write_text(f"{_hash(file)}  {file.name}\n", encoding="ascii")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
