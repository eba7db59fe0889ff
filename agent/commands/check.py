"""`nisse check CHANNEL`: tries a channel's settings for real, before they are saved. For the portal's "test" button.

Owns: taking settings as JSON on standard input (an argument would show in the process list) and answering in JSON.
Does not know: any channel.
"""

from __future__ import annotations

import argparse
import json
import sys

from agent import logs, registry
from agent import settings as settings_table
from agent.errors import NisseError
from agent.settings import Settings

HELP = "try a channel with the settings given as JSON on standard input"
_LONGEST_INPUT = 100_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("channel", choices=registry.names("agent.channels"))


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Prints {"ok", "message", "hint"}; the exit status is 0 also when the channel does not work."""
    table = settings_table.table()
    try:
        changes = json.loads(sys.stdin.read(_LONGEST_INPUT) or "{}")
        values = {
            key: settings_table.checked(table[key], value) for key, value in changes.items() if key in table
        }
        for key, value in values.items():
            if table[key].kind == "secret":
                logs.keep_secret(str(value))
        message = registry.load("agent.channels", given.channel).check(settings.with_values(values))
        verdict = {"ok": True, "message": message, "hint": ""}
    except NisseError as failed:
        verdict = {"ok": False, "message": logs.masked(failed.message), "hint": logs.masked(failed.hint)}
    except ValueError:
        verdict = {"ok": False, "message": "The settings did not arrive.", "hint": "Try again."}
    print(json.dumps(verdict))
    return 0
