"""`nisse key`: API keys for programs that ask the brain.

Owns: making, listing and revoking keys by hand.
Does not know: how they are kept. A new key is printed once and can never be shown again.
"""

from __future__ import annotations

import argparse
import time
from urllib.parse import quote

from agent.settings import Settings
from agent.wire.call import client

HELP = "make, list or revoke API keys of the brain"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    steps = parser.add_subparsers(dest="step", required=True, metavar="new|list|revoke")
    new = steps.add_parser("new", help="make a key and print it, once")
    new.add_argument("name", help="what uses it, such as a program or a machine")
    steps.add_parser("list", help="list all keys")
    revoke = steps.add_parser("revoke", help="refuse a key from now on")
    revoke.add_argument("name", help="the key's name")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Does what is asked."""
    brain = client(settings, "brain")
    if given.step == "new":
        print(brain.post("/keys", {"name": given.name})["key"])
    elif given.step == "revoke":
        brain.delete(f"/keys/{quote(given.name, safe='')}")
    else:
        for key in brain.get("/keys")["keys"]:
            ended = f", revoked {_day(key['revoked_at'])}" if key["revoked_at"] else ""
            print(f"{key['name']}  made {_day(key['created_at'])}, last used {_day(key['used_at'])}{ended}")
    return 0


def _day(at: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else "never"
