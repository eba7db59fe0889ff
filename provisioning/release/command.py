"""The command line of `nisse release`: each thing that a maintainer does with a repository.

Owns: the words, and what is printed.
Does not know: how anything is done; the modules beside it do it.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import NotFoundError, SettingsError
from provisioning.release import changing, checking, keys, making, programs
from provisioning.release.repository import Lacking
from provisioning.release.roles import PATHS, PERIODS, ROLES, set_role
from provisioning.release.words import Do, command, repository_of, ring, rollout, rollout_arguments
from provisioning.updates.programs.record import Program
from provisioning.updates.release import Release, write_time
from provisioning.updates.verified import MODELS, PROGRAMS

EPILOGUE = """
A repository is a folder that any web server can serve as it is; a copy of it on a stick does as well.

  once        nisse release init REPO --keys KEYS      makes all keys and an empty repository
              nisse release factory REPO FOLDER --source https://...     for `make image UPDATES=FOLDER`; a box that is there
              already takes REPO/metadata/1.root.json in updates.root, and the address in updates.source
              keep root-*.p12 and targets-*.p12 off line, in two drawers; models-*.p12 with who publishes; snapshot and
              timestamp with the daily timer
  each model  nisse release add REPO --keys KEYS model.gguf --title "A model" --version 1.0 \\
                  --notes "What is better now." --probe "What is 2 + 2? => \\b4\\b" --percent 10
              nisse release verify REPO                a box's own view of it
              nisse release rollout REPO 1 --keys KEYS --percent 100
  each version of Nisse itself (`make bundle-app` writes the two files)
              nisse release program REPO --keys KEYS nisse-0.5.1-amd64.raw --notes "What is better now."
  each day    nisse release refresh REPO --keys KEYS   from a timer: needs only snapshot and timestamp on most days
  in trouble  nisse release yank REPO 1 --keys KEYS --why "It forgets names."
              nisse release role REPO timestamp --keys KEYS --add new.pub.json --remove 1a2b3c    (a stolen key)
              nisse release role REPO programs --keys KEYS --add programs-1.pub.json      (a repository from before 0.5)

A list that needs more signatures than there are keys at hand waits in REPO/staged; carry the folder to the next person, who signs
with `nisse release sign REPO --keys THEIRS`. Passphrases come from --passphrase-file, $NISSE_RELEASE_PASSPHRASE or the terminal.
provisioning/release/README.md says more.
"""
# The keys that `init` makes, and how many of them must sign.
_SCHEME = {
    "root": (3, 2),
    "targets": (2, 2),
    MODELS: (2, 1),
    PROGRAMS: (2, 1),
    "snapshot": (1, 1),
    "timestamp": (1, 1),
}
_SOON_DAYS = 7
_WHICH = "a model's number, or a version of Nisse such as 0.5.1"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOGUE
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _begin(commands)
    _add(commands)
    _change(commands)
    _keep(commands)


def run(given: argparse.Namespace) -> int:
    """Does what was asked. Returns the exit status: 0, 4 if signatures are lacking, 1 if something is wrong."""
    do: Do = given.do
    return do(given)


def _begin(commands: Any) -> None:
    one = command(commands, "key", "make one more pair of keys", _make_key, signs=False, repository=False)
    one.add_argument("folder", type=Path, help="where both files go")
    one.add_argument("name", help="such as root-4")
    one = command(commands, "init", "make keys and an empty repository", _init)
    for role, (count, threshold) in _SCHEME.items():
        one.add_argument(
            f"--{role}",
            default=f"{threshold}/{count}",
            metavar="M/N",
            help=f"M of N keys must sign {role} ({threshold}/{count})",
        )


def _add(commands: Any) -> None:
    one = command(commands, "add", "publish a model as a new release", _add_model)
    one.add_argument(
        "files", nargs="+", help="a GGUF file or its URL; of an embedder model.onnx tokenizer.json"
    )
    one.add_argument("--role", choices=("chat", "embed"), default="chat")
    one.add_argument(
        "--about", type=Path, metavar="TOML", help="all of the following, and limits; see README.md"
    )
    one.add_argument("--sha256", default="", help="of the one file; demanded for a URL")
    one.add_argument("--seq", type=int, default=1, help="least number, if boxes come from another repository")
    for name, what in (
        ("name", "no other release bears it; otherwise made of the file's name and the version"),
        ("title", "for people; otherwise what the file says"),
        ("licence", "SPDX; otherwise what the file says"),
        ("version", "such as 1.2"),
        ("notes", "for owners: what is better now"),
        ("min-agent", "oldest version of Nisse that can run it"),
    ):
        one.add_argument(f"--{name}", default="", help=what)
    for name, what in (
        ("memory", "MB that it takes, if you have measured it"),
        ("min-ram-mb", "smallest box"),
        ("max-ram-mb", "largest box"),
    ):
        one.add_argument(f"--{name}", type=int, help=what)
    one.add_argument(
        "--probe",
        action="append",
        default=[],
        metavar="'QUESTION => PATTERN'",
        help="the answer must match this regular expression; can be given more than once",
    )
    rollout_arguments(one)
    one = command(commands, "program", "publish a version of Nisse itself", _add_program)
    one.add_argument("file", type=Path, metavar="FILE.raw", help="FILE.json is read beside it")
    one.add_argument("--notes", default="", help="for owners: what is better now")
    rollout_arguments(one)


def _change(commands: Any) -> None:
    one = command(commands, "rollout", "change which boxes may take a release, and when", _roll_out)
    one.add_argument("release", help=_WHICH)
    rollout_arguments(one)
    one = command(commands, "yank", "take a release back", _yank)
    one.add_argument("release", help=_WHICH)
    one.add_argument("--why", required=True, help="one sentence for owners")
    one = command(commands, "floor", "let no box serve anything older of its role, for ever", _floor)
    one.add_argument("seq", type=int)
    one = command(commands, "prune", "throw old releases and their files away", _prune)
    one.add_argument("--keep", type=int, default=3, help="of each role, and of programs (3)")
    one = command(commands, "role", "change who may sign for a role, and how many must", _role)
    one.add_argument("role", choices=ROLES)
    one.add_argument("--add", type=Path, action="append", default=[], metavar="PUB.JSON")
    one.add_argument(
        "--remove", action="append", default=[], metavar="KEYID", help="the beginning of its id will do"
    )
    one.add_argument("--threshold", type=int, default=0, help="how many must sign")


def _keep(commands: Any) -> None:
    command(commands, "sign", "add signatures to what lacks some", _sign)
    command(commands, "refresh", "sign anew what would soon be no longer valid; run it daily", _refresh)
    command(commands, "unstage", "throw away changes that lack signatures", _unstage, signs=False)
    command(commands, "show", "list releases, keys and dates", _show, signs=False)
    one = command(commands, "verify", "look at it as a box would, and read every file", _verify, signs=False)
    one.add_argument("--root", type=Path, help="the root.json that boxes have; otherwise the first")
    one = command(commands, "factory", "write what an image needs to know of it", _factory, signs=False)
    one.add_argument("into", type=Path, metavar="FOLDER", help="for `make image UPDATES=FOLDER`")
    one.add_argument("--source", required=True, metavar="ADDRESS", help="where boxes find it: https://...")
    one = command(commands, "copy", "bring a stick up to date", _copy, signs=False)
    one.add_argument("into", type=Path, metavar="FOLDER", help="a folder on the stick")


def _make_key(given: argparse.Namespace) -> int:
    key = keys.make(given.folder, given.name, keys.asker(given.passphrase_file))
    print(
        f"{given.folder / given.name}.p12 is the private key {key.keyid[:8]}; {given.name}.pub.json the public one."
    )
    return 0


def _init(given: argparse.Namespace) -> int:
    if len(given.keys) != 1:
        raise SettingsError("Say where the new keys go.", hint="Once: --keys FOLDER.")
    ask = keys.asker(given.passphrase_file)
    made, thresholds = {}, {}
    for role in ROLES:
        thresholds[role], count = _of(getattr(given, role))
        made[role] = [keys.make(given.keys[0], f"{role}-{number}", ask) for number in range(1, count + 1)]
    # Their passphrases were typed a moment ago; asked for once more, a mistake shows now and not in a year.
    status = _finish(repository_of(given).begin(made, thresholds, ring(given)))
    print(f"Give boxes {given.repository}/metadata/1.root.json. Take root-* and targets-* off this machine.")
    return status


def _add_model(given: argparse.Namespace) -> int:
    told = making.about(
        given.about,
        {
            key: getattr(given, key)
            for key in (
                "name",
                "title",
                "licence",
                "version",
                "notes",
                "min_agent",
                "memory",
                "min_ram_mb",
                "max_ram_mb",
            )
        },
    )
    told.setdefault("version", "1.0")
    if given.probe:
        told["probes"] = [*told.get("probes", []), *map(_probe, given.probe)]
    told["rollout"] = {**told.get("rollout", {}), **rollout(given)}
    repository, fetched = repository_of(given), given.repository / "staged" / "fetched"
    try:
        files = making.collect(given.files, fetched, given.sha256)
        made, lacking = making.add(repository, files, given.role, told, ring(given), first=given.seq)
    finally:
        shutil.rmtree(fetched, ignore_errors=True)
    print(_line(made))
    return _finish(lacking)


def _add_program(given: argparse.Namespace) -> int:
    made, lacking = programs.add(
        repository_of(given), given.file, ring(given), notes=given.notes, rollout=rollout(given)
    )
    print(_program_line(made))
    return _finish(lacking)


def _roll_out(given: argparse.Namespace) -> int:
    repository, which = repository_of(given), given.release
    if _is_version(which):
        return _finish(programs.roll_out(repository, which, ring(given), **rollout(given)))
    return _finish(changing.roll_out(repository, int(which), ring(given), **rollout(given)))


def _yank(given: argparse.Namespace) -> int:
    repository, which = repository_of(given), given.release
    if _is_version(which):
        return _finish(programs.yank(repository, which, given.why, ring(given)))
    return _finish(changing.yank(repository, int(which), given.why, ring(given)))


def _is_version(which: str) -> bool:
    """Whether a version of Nisse is meant; a model's release has a number alone."""
    if not which.replace(".", "").isdecimal():
        raise SettingsError(f"{which!r} is no release.", hint=f"Give {_WHICH}.")
    return "." in which


def _floor(given: argparse.Namespace) -> int:
    return _finish(changing.raise_floor(repository_of(given), given.seq, ring(given)))


def _prune(given: argparse.Namespace) -> int:
    repository, at_hand = repository_of(given), ring(given)
    versions, lacking = programs.prune(repository, given.keep, at_hand)
    gone, more = changing.prune(repository, given.keep, at_hand)
    print(f"Gone: {', '.join([*map(str, gone), *versions]) or 'nothing'}.")
    return _finish([*lacking, *more])


def _role(given: argparse.Namespace) -> int:
    added = [keys.public(path) for path in given.add]

    def edit(signed: Any) -> None:
        set_role(signed, given.role, add=added, remove=given.remove, threshold=given.threshold)

    repository = repository_of(given)
    if given.role == PROGRAMS and not repository.has_programs:
        return _finish(repository.allow_programs(added, given.threshold, ring(given)))
    holder = "targets" if given.role in PATHS else "root"
    return _finish(repository.change(holder, edit, ring(given)))


def _sign(given: argparse.Namespace) -> int:
    return _finish(repository_of(given).sign(ring(given)))


def _refresh(given: argparse.Namespace) -> int:
    repository = repository_of(given)
    status = _finish(repository.refresh(ring(given)))
    for role, expires in repository.expiries().items():
        left = (expires - datetime.now(UTC)).days
        if left < min(_SOON_DAYS, PERIODS[role].days // 2):
            print(
                f"The list {role} ends in {left} days; have it signed by `nisse release refresh` with its keys."
            )
    return status


def _unstage(given: argparse.Namespace) -> int:
    print(f"Thrown away: {', '.join(repository_of(given).unstage()) or 'nothing'}.")
    return 0


def _show(given: argparse.Namespace) -> int:
    repository = repository_of(given)
    for release in changing.releases(repository):
        print(_line(release))
    for program in programs.all_programs(repository):
        print(_program_line(program))
    root, targets = repository.newest("root").signed, repository.newest("targets").signed
    for role, expires in repository.expiries().items():
        rule = (targets if role in PATHS else root).get_delegated_role(role)
        ids = ", ".join(key[:8] for key in rule.keyids)
        print(
            f"{role:10} valid until {write_time(expires)}, {rule.threshold} of {len(rule.keyids)} keys: {ids}"
        )
    return 0


def _verify(given: argparse.Namespace) -> int:
    root = given.root or given.repository / "metadata" / "1.root.json"
    if not root.is_file():
        raise NotFoundError(
            f"There is no {root}.", hint="Name a repository, and the root.json that boxes have."
        )
    findings = checking.check(given.repository, root.read_bytes())
    for fault in findings.faults:
        print(fault)
    news = findings.news
    print(
        f"A box believes {len(news.releases)} releases of models and {len(news.programs)} versions of Nisse, "
        f"with {len(news.targets)} files."
    )
    return 1 if findings.faults else 0


def _factory(given: argparse.Namespace) -> int:
    checking.write_factory(given.repository, given.into, given.source)
    print(f"Build the image by `make image UPDATES={given.into}`.")
    return 0


def _copy(given: argparse.Namespace) -> int:
    print(f"{making.copy_tree(given.repository, given.into)} files were written.")
    return 0


def _finish(lacking: Sequence[Lacking]) -> int:
    for each in lacking:
        print(each)
    if not lacking:
        print("Signed and published.")
    return 4 if lacking else 0


def _line(release: Release) -> str:
    state = f"TAKEN BACK: {release.yanked}" if release.yanked else f"{release.rollout.percent} % of boxes"
    floor = ", floor" if release.security_floor else ""
    size = round(release.model.size / 1e6)
    return (
        f"{release.seq:4} {release.role:5} {release.model.name} {release.version} ({size} MB) {state}{floor}"
    )


def _program_line(program: Program) -> str:
    state = f"TAKEN BACK: {program.yanked}" if program.yanked else f"{program.rollout.percent} % of boxes"
    size = round(program.size / 1e6)
    return f"Nisse {program.version} for {program.architecture} ({size} MB), back to {program.readable_by} {state}"


def _probe(text: str) -> dict[str, Any]:
    prompt, arrow, pattern = (part.strip() for part in text.rpartition("=>"))
    if not arrow or not prompt or not pattern:
        raise SettingsError(f"{text!r} is no probe.", hint="Write 'QUESTION => PATTERN'.")
    return {"prompt": prompt, "must_match": [pattern]}


def _of(text: str) -> tuple[int, int]:
    threshold, slash, count = text.partition("/")
    if not (slash and threshold.isdecimal() and count.isdecimal() and 0 < int(threshold) <= int(count) <= 20):
        raise SettingsError(f"{text!r} does not say how many of how many.", hint="Such as 2/3.")
    return int(threshold), int(count)
