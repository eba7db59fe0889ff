"""`nisse assist CHANNEL TASK`: helps to fill in a channel's settings. For the portal's form.

Owns: taking the question as JSON on standard input (an argument would show in the process list) and answering in JSON.
Does not know: any channel; one that can help has a module `assisting` with `TASKS`.
"""

from __future__ import annotations

import argparse
import json
import sys

from agent import logs, registry
from agent import settings as settings_table
from agent.errors import NisseError, NotFoundError
from agent.settings import Settings

HELP = "help to fill in a channel's settings; the question is JSON on standard input"
_LONGEST_INPUT = 100_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("channel", choices=registry.names("agent.channels"))
    parser.add_argument("task")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Prints {"ok", "message", "hint"} and what the task found."""
    table = settings_table.table()
    try:
        asked = json.loads(sys.stdin.read(_LONGEST_INPUT) or "{}")
        values = {
            key: settings_table.checked(table[key], value)
            for key, value in asked.get("settings", {}).items()
            if key in table
        }
        for key, value in values.items():
            if table[key].kind == "secret":
                logs.keep_secret(str(value))
        tasks = registry.load(f"agent.channels.{given.channel}", "assisting").TASKS
        if given.task not in tasks:
            raise NotFoundError(f"There is no task {given.task!r}.", hint=f"There are: {', '.join(tasks)}.")
        found = tasks[given.task](settings.with_values(values), asked)
        verdict = {"ok": True, "message": "", "hint": "", **found}
    except NisseError as failed:
        verdict = {"ok": False, "message": logs.masked(failed.message), "hint": logs.masked(failed.hint)}
    except (ValueError, AttributeError):
        verdict = {"ok": False, "message": "The question did not arrive.", "hint": "Try again."}
    print(json.dumps(verdict))
    return 0
