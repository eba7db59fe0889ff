"""`python -m provisioning.image --board pc`: builds the image of a board, or says how it would.

Owns: the command line, and what must hold before anything is built.
Does not know: how anything is built.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tomllib
from pathlib import Path

from agent.errors import ConflictError, NisseError, SettingsError, StorageError, UnavailableError
from agent.models import catalogue
from provisioning.image import board as boards
from provisioning.image.carrying_out import carry_out
from provisioning.image.epoch import moment
from provisioning.image.job import DEFAULT_MODEL, Job
from provisioning.image.plan import plan
from provisioning.updates import first_root

_CHECKOUT = Path(__file__).parents[2]
_ROOM = 12_000_000_000  # bytes: the tree, the slot, the image and its packed form
_TOOLS = ("mmdebstrap", "mke2fs", "debugfs", "mkfs.vfat", "mcopy", "sfdisk", "zstd", "bmaptool", "tar", "chroot")  # fmt: skip
_EMULATOR = Path("/proc/sys/fs/binfmt_misc")


def main(words: list[str]) -> int:
    """Builds, or prints the plan. Returns the exit status."""
    arguments = _parser().parse_args(words)
    os.chdir(_CHECKOUT)
    try:
        job = _job(arguments)
        steps = plan(job, until=arguments.until)
        if arguments.plan:
            print("\n".join(line for step in steps for line in step.lines()))
            return 0
        _check(job)
        fresh = [step.name for step in steps if arguments.fresh in ("all", step.name)]
        seconds = carry_out(steps, job.out, fresh=fresh, say=lambda line: print(line, flush=True))
    except NisseError as wrong:
        print(f"{wrong.message}\n{wrong.hint}".strip(), file=sys.stderr)
        return 1
    print(f"Done in {sum(seconds.values()):.0f} s: {job.out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="provisioning.image", description="Builds the image of a board.")
    parser.add_argument("--board", required=True, help=f"one of: {', '.join(boards.names())}")
    parser.add_argument("--plan", action="store_true", help="print every step and do none")
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, help="the catalogue's chat model to put in, or none (%(default)s)"
    )
    parser.add_argument(
        "--mirror",
        action="append",
        default=[],
        help="of Debian, an address or a line of sources.list; may be repeated (mmdebstrap's own choice, or DEBIAN_MIRROR)",
    )
    parser.add_argument(
        "--aptopt",
        action="append",
        default=[],
        help="an option for apt while it builds, such as a proxy; not kept",
    )
    parser.add_argument(
        "--keyring",
        type=_place,
        help="certificate of those whose updates the box takes (a development key's)",
    )
    parser.add_argument(
        "--updates",
        type=_place,
        metavar="FOLDER",
        help="what `nisse release factory` wrote: the update server of models that the box believes (none)",
    )
    parser.add_argument(
        "--fresh", nargs="?", const="all", default="", metavar="STEP", help="make a step anew, or all of them"
    )
    parser.add_argument(
        "--like", type=_place, metavar="FILE", help="an earlier packages.tsv; anything else is an error"
    )
    parser.add_argument("--out", type=_place, help="where the files go (build/image/BOARD)")
    parser.add_argument("--until", default="", help="the last step to do")
    return parser


def _place(word: str) -> Path:
    return Path(word).absolute()


def _job(arguments: argparse.Namespace) -> Job:
    board = boards.load(arguments.board)
    if board.base:
        raise UnavailableError(_without_base(board))
    model = "" if arguments.model == "none" else arguments.model
    if model and catalogue.load().find(model).role != "chat":
        raise SettingsError(f"{model} is no chat model.", hint="`nisse fit --table` lists those.")
    for named, what in (
        (arguments.keyring, "the PEM file of a certificate"),
        (arguments.like, "a packages.tsv"),
    ):
        if named and not named.is_file():
            raise SettingsError(f"There is no {named}.", hint=f"Name {what}.")
    if arguments.updates and not (arguments.updates / first_root.ROOT).is_file():
        raise SettingsError(
            f"There is no {arguments.updates / first_root.ROOT}.", hint="`nisse release factory` writes it."
        )
    mirror = os.environ.get("DEBIAN_MIRROR")
    project = tomllib.loads((_CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return Job(
        checkout=Path(),  # short names in the plan and in the log
        board=board,
        common=boards.common(),
        version=project["version"],
        epoch=moment(_CHECKOUT),
        lock=(_CHECKOUT / "provisioning" / "lock" / "run.txt").read_text(encoding="utf-8"),
        python=_short(Path(sys.executable)),
        model=model,
        mirrors=tuple(arguments.mirror or ([mirror] if mirror else [])),
        apt_options=tuple(arguments.aptopt),
        keyring=arguments.keyring,
        updates=arguments.updates,
        like=arguments.like.read_text(encoding="utf-8") if arguments.like else "",
        place=arguments.out,
    )


def _short(program: Path) -> str:
    """Its name from here, so that a kept product fits to a checkout of another name."""
    return str(program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program)


def _without_base(board: boards.Board) -> str:
    return (
        f"{board.title} runs only on {board.base}, which comes from {board.base_source} and cannot be had from Debian; "
        f"`make bundle BOARD={board.name}` makes an installer for a machine that runs it."
    )


def _check(job: Job) -> None:
    """What would otherwise fail after minutes.

    Raises:
        NisseError: It cannot be built here; the hint says what to do.
    """
    if os.geteuid() != 0:
        raise ConflictError(
            "An image is built as root, because the files in it belong to root and others.",
            hint="sudo make image, or: unshare --map-root-user --map-auto --mount make image",
        )
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [tool for tool in _TOOLS if not shutil.which(tool, path=path)]
    if missing:
        raise UnavailableError(
            f"{', '.join(missing)} is not installed.", hint="Run provisioning/setup.sh image."
        )
    os.environ["PATH"] = path
    job.out.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(job.out).free < _ROOM:
        raise StorageError(
            f"There is not enough room under {job.out}.", hint=f"Make {_ROOM // 10**9} GB free."
        )
    kind = job.board.kind
    if not kind.is_this_machine and not (_EMULATOR / f"qemu-{kind.machine}").exists():
        raise UnavailableError(
            f"Programs for {kind.machine} do not run here.",
            hint="`provisioning/setup.sh image` installs qemu-user-static and has the kernel use it.",
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
