"""`nisse mail explain FILE.eml`: what Nisse would do with a mail, and why; nothing is sent, kept or changed.

Owns: the words after `mail`, reading the file, and showing the explanation to people and to programs.
Does not know: the rules; `_explaining` puts them together.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from pathlib import Path

from agent.commands import _explaining, _setup
from agent.commands._explaining import Explanation
from agent.errors import RequestError
from agent.settings import Settings

HELP = "say what would be done with a mail, and why"
_MAY = {
    "ask": "ask, and be answered from what the house knows",
    "memory": "be answered from their own memory",
    "keep": "have documents kept",
    "govern": "change settings",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="explain")
    explain = verbs.add_parser(
        "explain", help=HELP, description="Say what would be done with a mail, and why."
    )
    explain.add_argument(
        "file", help="the mail as a file, such as its program saves it; - for standard input"
    )
    explain.add_argument("--json", action="store_true", help="for programs")
    explain.add_argument(
        "--setup",
        metavar="FILE",
        type=Path,
        help="JSON with the house as it is to be assumed, instead of the settings",
    )


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Prints the explanation. Returns 0, whether the mail would be answered or not; an unreadable file is an error."""
    setup = _setup.load(settings, given.setup)
    mail, size = _read(given.file, setup.largest)
    explanation = _explaining.explain(mail, setup, size=size)
    try:
        if given.json:
            print(json.dumps(explanation.to_json(), indent=2))
        else:
            _show(explanation)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _read(name: str, largest: int) -> tuple[bytes, int]:
    """As much of the file as is looked at, and its size.

    Raises:
        RequestError: There is none, or it cannot be read.
    """
    try:
        if name == "-":
            mail = sys.stdin.buffer.read(largest + 1)
            return mail, len(mail)
        path = Path(name)
        if not path.exists():
            raise RequestError(
                f"There is no file {name}.", hint="Give the path of a mail saved as a file (.eml)."
            )
        if path.is_dir():
            raise RequestError(f"{name} is a folder.", hint="Give the path of one mail in it.")
        with path.open("rb") as file:
            mail = file.read(largest + 1)
        return mail, max(len(mail), path.stat().st_size if path.is_file() else 0)
    except OSError as failed:
        raise RequestError(f"{name} cannot be read: {failed.strerror}.") from failed
    except ValueError as wrong:  # such as a zero byte in the name
        raise RequestError(f"{name!r} is no path of a file.") from wrong


def _show(found: Explanation) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # on a terminal that knows no more than ASCII
    facts = found.to_json()
    person = (
        f"{facts['person_name'] or facts['person']} ({facts['role']})"
        if facts["person"]
        else "nobody that it may be answered for"
    )
    print(f"{'It would be answered' if facts['answer'] else 'It would not be answered'} ({facts['rule']}).")
    print(f"  Why       {facts['why']}")
    print(f"  From      {facts['sender'] or 'nobody'}: {facts['level']} ({facts['evidence']})")
    print(f"  Person    {person}")
    print(f"  May       {'; '.join(_MAY[name] for name in facts['capabilities']) or 'nothing'}")
    print(f"  Written   {_setup.moment(found.setup, found.message.written_at)}")
    print(f"  Subject   {facts['subject'] or '(none)'}")
    if facts["answer"]:
        print(f"  Reply to  {facts['recipient']}, as “{facts['reply_subject']}”")
        print(
            f"  Thread    In-Reply-To: {facts['in_reply_to'] or '(none)'}; {len(facts['references'])} references"
        )
    for file in facts["attachments"]:
        print(f"  File      {file['name']} ({file['media_type']}, {file['bytes']:,} bytes)")
    if facts["problem"]:
        print(f"  Problem   {facts['problem']}")
    print("\n" + "\n".join(f"  | {line}" for line in facts["new_text"].split("\n")))
