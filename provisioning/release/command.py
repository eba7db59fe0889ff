"""The command line of `nisse release`: each thing that a maintainer does with a repository.

Owns: the words, and what is printed.
Does not know: how anything is done; the modules beside it do it.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import NotFoundError, SettingsError
from provisioning.release import changing, checking, keys, making
from provisioning.release.repository import PERIODS, ROLES, Lacking, Repository, set_role
from provisioning.updates.release import Release, read_time, write_time
from provisioning.updates.verified import MODELS

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
  each day    nisse release refresh REPO --keys KEYS   from a timer: needs only snapshot and timestamp on most days
  in trouble  nisse release yank REPO 1 --keys KEYS --why "It forgets names."
              nisse release role REPO timestamp --keys KEYS --add new.pub.json --remove 1a2b3c    (a stolen key)

A list that needs more signatures than there are keys at hand waits in REPO/staged; carry the folder to the next person, who signs
with `nisse release sign REPO --keys THEIRS`. Passphrases come from --passphrase-file, $NISSE_RELEASE_PASSPHRASE or the terminal.
provisioning/release/README.md says more.
"""
# The keys that `init` makes, and how many of them must sign.
_SCHEME = {"root": (3, 2), "targets": (2, 2), MODELS: (2, 1), "snapshot": (1, 1), "timestamp": (1, 1)}
_SOON_DAYS = 7

Do = Callable[[argparse.Namespace], int]


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


def _command(
    commands: Any, name: str, what: str, do: Do, *, signs: bool = True, repository: bool = True
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what)
    parser.set_defaults(do=do)
    if repository:
        parser.add_argument("repository", type=Path, metavar="REPO", help="the folder that is served")
    if signs:
        parser.add_argument(
            "--keys",
            type=Path,
            action="append",
            default=[],
            metavar="FOLDER",
            help="where private keys lie; can be given more than once",
        )
    if signs or not repository:
        parser.add_argument(
            "--passphrase-file", type=Path, metavar="FILE", help="one passphrase for all keys"
        )
    return parser


def _begin(commands: Any) -> None:
    one = _command(commands, "key", "make one more pair of keys", _make_key, signs=False, repository=False)
    one.add_argument("folder", type=Path, help="where both files go")
    one.add_argument("name", help="such as root-4")
    one = _command(commands, "init", "make keys and an empty repository", _init)
    for role, (count, threshold) in _SCHEME.items():
        one.add_argument(
            f"--{role}",
            default=f"{threshold}/{count}",
            metavar="M/N",
            help=f"M of N keys must sign {role} ({threshold}/{count})",
        )


def _add(commands: Any) -> None:
    one = _command(commands, "add", "publish a model as a new release", _add_model)
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
    _rollout_arguments(one)


def _rollout_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--percent", type=int, help="of the boxes that may take it")
    parser.add_argument(
        "--from", dest="not_before", type=_moment, metavar="DATE", help="not before; 2026-12-01, UTC"
    )
    parser.add_argument("--until", dest="not_after", type=_moment, metavar="DATE", help="not later than")
    parser.add_argument(
        "--critical",
        action=argparse.BooleanOptionalAction,
        help="boxes do not wait a day (owners still decide)",
    )


def _change(commands: Any) -> None:
    one = _command(commands, "rollout", "change which boxes may take a release, and when", _roll_out)
    one.add_argument("seq", type=int)
    _rollout_arguments(one)
    one = _command(commands, "yank", "take a release back", _yank)
    one.add_argument("seq", type=int)
    one.add_argument("--why", required=True, help="one sentence for owners")
    one = _command(commands, "floor", "let no box serve anything older of its role, for ever", _floor)
    one.add_argument("seq", type=int)
    one = _command(commands, "prune", "throw old releases and their files away", _prune)
    one.add_argument("--keep", type=int, default=3, help="of each role (3)")
    one = _command(commands, "role", "change who may sign for a role, and how many must", _role)
    one.add_argument("role", choices=ROLES)
    one.add_argument("--add", type=Path, action="append", default=[], metavar="PUB.JSON")
    one.add_argument(
        "--remove", action="append", default=[], metavar="KEYID", help="the beginning of its id will do"
    )
    one.add_argument("--threshold", type=int, default=0, help="how many must sign")


def _keep(commands: Any) -> None:
    _command(commands, "sign", "add signatures to what lacks some", _sign)
    _command(commands, "refresh", "sign anew what would soon be no longer valid; run it daily", _refresh)
    _command(commands, "unstage", "throw away changes that lack signatures", _unstage, signs=False)
    _command(commands, "show", "list releases, keys and dates", _show, signs=False)
    one = _command(commands, "verify", "look at it as a box would, and read every file", _verify, signs=False)
    one.add_argument("--root", type=Path, help="the root.json that boxes have; otherwise the first")
    one = _command(commands, "factory", "write what an image needs to know of it", _factory, signs=False)
    one.add_argument("into", type=Path, metavar="FOLDER", help="for `make image UPDATES=FOLDER`")
    one.add_argument("--source", required=True, metavar="ADDRESS", help="where boxes find it: https://...")
    one = _command(commands, "copy", "bring a stick up to date", _copy, signs=False)
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
    status = _finish(_repository(given).begin(made, thresholds, _ring(given)))
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
    told["rollout"] = {**told.get("rollout", {}), **_rollout(given)}
    repository, fetched = _repository(given), given.repository / "staged" / "fetched"
    try:
        files = making.collect(given.files, fetched, given.sha256)
        made, lacking = making.add(repository, files, given.role, told, _ring(given), first=given.seq)
    finally:
        shutil.rmtree(fetched, ignore_errors=True)
    print(_line(made))
    return _finish(lacking)


def _roll_out(given: argparse.Namespace) -> int:
    return _finish(changing.roll_out(_repository(given), given.seq, _ring(given), **_rollout(given)))


def _yank(given: argparse.Namespace) -> int:
    return _finish(changing.yank(_repository(given), given.seq, given.why, _ring(given)))


def _floor(given: argparse.Namespace) -> int:
    return _finish(changing.raise_floor(_repository(given), given.seq, _ring(given)))


def _prune(given: argparse.Namespace) -> int:
    gone, lacking = changing.prune(_repository(given), given.keep, _ring(given))
    print(f"Gone: {', '.join(map(str, gone)) or 'nothing'}.")
    return _finish(lacking)


def _role(given: argparse.Namespace) -> int:
    added = [keys.public(path) for path in given.add]

    def edit(signed: Any) -> None:
        set_role(signed, given.role, add=added, remove=given.remove, threshold=given.threshold)

    holder = "targets" if given.role == MODELS else "root"
    return _finish(_repository(given).change(holder, edit, _ring(given)))


def _sign(given: argparse.Namespace) -> int:
    return _finish(_repository(given).sign(_ring(given)))


def _refresh(given: argparse.Namespace) -> int:
    repository = _repository(given)
    status = _finish(repository.refresh(_ring(given)))
    for role, expires in repository.expiries().items():
        left = (expires - datetime.now(UTC)).days
        if left < min(_SOON_DAYS, PERIODS[role].days // 2):
            print(
                f"The list {role} ends in {left} days; have it signed by `nisse release refresh` with its keys."
            )
    return status


def _unstage(given: argparse.Namespace) -> int:
    print(f"Thrown away: {', '.join(_repository(given).unstage()) or 'nothing'}.")
    return 0


def _show(given: argparse.Namespace) -> int:
    repository = _repository(given)
    for release in changing.releases(repository):
        print(_line(release))
    root, targets = repository.newest("root").signed, repository.newest("targets").signed
    for role, expires in repository.expiries().items():
        rule = (targets if role == MODELS else root).get_delegated_role(role)
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
    print(f"A box believes {len(findings.news.releases)} releases with {len(findings.news.targets)} files.")
    return 1 if findings.faults else 0


def _factory(given: argparse.Namespace) -> int:
    checking.write_factory(given.repository, given.into, given.source)
    print(f"Build the image by `make image UPDATES={given.into}`.")
    return 0


def _copy(given: argparse.Namespace) -> int:
    print(f"{making.copy_tree(given.repository, given.into)} files were written.")
    return 0


def _repository(given: argparse.Namespace) -> Repository:
    return Repository(given.repository)


def _ring(given: argparse.Namespace) -> keys.KeyRing:
    for folder in given.keys:
        if not folder.is_dir():
            raise NotFoundError(f"There is no folder {folder} with keys.", hint="Is the stick plugged in?")
    return keys.KeyRing(given.keys, keys.asker(given.passphrase_file))


def _finish(lacking: Sequence[Lacking]) -> int:
    for each in lacking:
        print(each)
    if not lacking:
        print("Signed and published.")
    return 4 if lacking else 0


def _rollout(given: argparse.Namespace) -> dict[str, Any]:
    names = ("percent", "not_before", "not_after", "critical")
    return {name: getattr(given, name) for name in names if getattr(given, name) is not None}


def _line(release: Release) -> str:
    state = f"TAKEN BACK: {release.yanked}" if release.yanked else f"{release.rollout.percent} % of boxes"
    floor = ", floor" if release.security_floor else ""
    size = round(release.model.size / 1e6)
    return (
        f"{release.seq:4} {release.role:5} {release.model.name} {release.version} ({size} MB) {state}{floor}"
    )


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


def _moment(text: str) -> datetime:
    try:
        return read_time(text if "T" in text else f"{text}T00:00:00Z")
    except SettingsError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from wrong
