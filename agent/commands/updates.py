"""`nisse updates WORD`: which models serve and which Nisse runs, what is new, the owner's word on it, test questions, a model of one's own.

Owns: the words after `updates`, and printing how things stand.
Does not know: how an update goes; the updates service says.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import sys
import time
from pathlib import Path
from typing import Any

from agent.errors import NisseError, RequestError
from agent.settings import Settings
from agent.wire.call import Client, client

HELP = (
    "updates status, check, install, back, program ...: which models serve, which Nisse runs, and what is new"
)
_PIECE = 4_000_000  # bytes
_LOOK_S = 1.0
_TRIES = 20
_WORDS = {
    "check": "look now whether there is a new model",
    "install": "fetch and try the model that is offered",
    "decline": "do not offer it any more",
    "back": "let the model serve that served before",
    "stop": "stop fetching; what came is kept",
}
_PROGRAM_WORDS = {
    "install": "fetch and try the version that is offered; the house restarts once",
    "decline": "do not offer it any more",
    "back": "go back to the version before; the house restarts once",
    "stop": "stop fetching; what came is kept",
}
_ORIGINS = {
    "house": "came with the house",
    "signed": "signed by its publisher",
    "unsigned": "signed by nobody",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    verbs = parser.add_subparsers(dest="verb", metavar="WORD", required=True)
    verbs.add_parser("status", help="how things stand")
    for word, help_line in _WORDS.items():
        verbs.add_parser(word, help=help_line)
    program = verbs.add_parser(
        "program", help="the same for Nisse itself: which version runs, and what is new"
    )
    words = program.add_subparsers(dest="word", metavar="WORD")
    for word, help_line in _PROGRAM_WORDS.items():
        words.add_parser(word, help=help_line)
    verbs.add_parser("questions", help="this house's own test questions")
    bring = verbs.add_parser("bring", help="try a model of your own; nobody has signed it")
    bring.add_argument("file", type=Path, help="a GGUF file")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Does it. Returns 0; 1 if a file that was brought is refused."""
    with contextlib.closing(client(settings, "updates", read_timeout=120)) as updates:
        if given.verb == "questions":
            _show_questions(updates.get("/golden")["questions"])
        elif given.verb == "bring":
            return _bring(updates, given.file)
        elif given.verb == "program":
            _show_program(_say_of_program(updates, given.word))
        elif given.verb in _WORDS:
            _show(_say(updates, given.verb))
        else:
            _show(updates.get("/state"))
    return 0


def _say(updates: Client, word: str) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if word in ("install", "decline"):
        offer = updates.get("/state")["offer"]
        if not offer:
            raise RequestError("No model is offered.", hint="`nisse updates check` looks for one.")
        body = {"seq": offer["seq"]}
    return dict(updates.post(f"/{word}", body))


def _say_of_program(updates: Client, word: str | None) -> dict[str, Any]:
    state = dict(updates.get("/program"))
    if word is None:
        return state
    body: dict[str, Any] = {}
    if word in ("install", "decline"):
        if not state["offer"]:
            raise RequestError(
                "No version of Nisse is offered." if state["box"] else state["sentence"],
                hint="`nisse updates check` looks for one." if state["box"] else "",
            )
        body = {"version": state["offer"]["version"]}
    return dict(updates.post(f"/program/{word}", body))


def _show_program(state: dict[str, Any]) -> None:
    print(state["sentence"])
    print(f"  Runs     Nisse {state['version']}")
    if not state["box"]:
        return
    progress, offer = state["progress"], state["offer"]
    if progress and progress["total"]:
        print(f"  {100 * progress['done'] // progress['total']} % of the bytes")
    if state["can_go_back"] and state["back_to"]:
        print(f"  Before   Nisse {state['back_to']}")
    if offer:
        print(f"  Offered  Nisse {offer['version']}, {-(-offer['bytes'] // 1_000_000)} MB to fetch at most")
        for line in str(offer["notes"]).splitlines():
            print(f"           {line}")
    for one in state["bad"]:
        print(f"  Failed   Nisse {one['version']} ({_day(one['at'])}): {one['sentence']}")


def _show(state: dict[str, Any]) -> None:
    print(state["sentence"])
    progress = state["progress"]
    if progress and progress["total"]:
        print(f"  {100 * progress['done'] // progress['total']} % of the {progress['word']}")
    for title, one in (("Serves", state["active"]), ("Before", state["previous"])):
        if one:
            models = [model for model in (one["chat"], one["embed"]) if model]
            named = ", ".join(f"{model['title']} {model['version']}".strip() for model in models)
            print(
                f"  {title:8} {named or 'what the house chose'} ({_ORIGINS.get(one['origin'], one['origin'])})"
            )
    if state["offer"]:
        _show_offer(state["offer"])
    for one in state["bad"]:
        print(f"  Failed   {one['title']} {one['version']} ({_day(one['at'])}): {one['sentence']}")
    for words in (state["warning"], (state["notice"] or {}).get("sentence", "")):
        if words:
            print(f"  {words}")
    if state["checked_at"]:
        print(f"  Looked   {_day(state['checked_at'])}; new models: {state['policy']}")


def _show_offer(offer: dict[str, Any]) -> None:
    megabytes = -(-offer["bytes"] // 1_000_000)
    print(f"  Offered  {offer['title']} {offer['version']}, {offer['licence']}, {megabytes} MB to fetch")
    for line in str(offer["notes"]).splitlines():
        print(f"           {line}")
    if offer["why_waits"]:
        print(f"           {offer['why_waits']}")


def _show_questions(questions: list[dict[str, Any]]) -> None:
    if not questions:
        print("There are none. An owner keeps one in the chat, by ⋯ under an answer.")
    for one in questions:
        print(f"{one['id']}  {' '.join(one['question'].split())[:100]}")
        print(f"    a good answer holds: {', '.join(one['must']) or 'anything sensible'}")


def _bring(updates: Client, path: Path) -> int:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            arrival = updates.post("/sideload", {"name": path.name, "size": size})
            while arrival["done"] < size:
                file.seek(arrival["done"])
                arrival = _sent(updates, arrival, file.read(_PIECE))
                _tell(f"{path.name}: {100 * arrival['done'] // size} %")
    except OSError as failed:
        raise RequestError(f"{path} cannot be read: {failed.strerror}.") from failed
    updates.post(f"/sideload/{arrival['id']}/finish")
    return _await(updates, arrival["id"])


def _sent(updates: Client, arrival: dict[str, Any], piece: bytes) -> dict[str, Any]:
    body = {"offset": arrival["done"], "data": base64.b64encode(piece).decode("ascii")}
    for tries in range(1, _TRIES + 1):
        try:
            return dict(updates.post(f"/sideload/{arrival['id']}", body))
        except NisseError as failed:
            if failed.key != "unreachable" or tries == _TRIES:
                raise
            time.sleep(_LOOK_S)  # the service starts anew; a piece that did arrive does no harm
    raise AssertionError("never reached")


def _await(updates: Client, identity: str) -> int:
    while True:
        arrivals = updates.get("/sideload")["arrivals"]
        one = next((one for one in arrivals if one["id"] == identity), None)
        if one is None or one["step"] == "handed on":
            _tell("")
            print("It has come, and is tried now; `nisse updates status` shows how it does.")
            return 0
        if one["step"] == "failed":
            _tell("")
            print(one["problem"], file=sys.stderr)
            return 1
        _tell("looking into it")
        time.sleep(_LOOK_S)


def _tell(words: str) -> None:
    """A line that the next one takes the place of; only for somebody who looks."""
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
