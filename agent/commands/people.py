"""`nisse people`: who belongs to the household.

Owns: listing, adding and removing people by hand.
Does not know: how they are kept. Passwords are typed, never given as an argument.
"""

from __future__ import annotations

import argparse
import getpass

from agent.message import Person
from agent.settings import Settings
from agent.wire.call import client

HELP = "list, add or remove people of the household"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--add", metavar="NAME", help="add somebody of this name")
    parser.add_argument(
        "--mail", action="append", default=[], metavar="ADDRESS", help="with --add: a mail address"
    )
    parser.add_argument(
        "--console", action="append", default=[], metavar="USER", help="with --add: a user of this machine"
    )
    parser.add_argument(
        "--password", action="store_true", help="with --add: ask for a password, to log in at the portal"
    )
    parser.add_argument(
        "--new-password", metavar="ID", help="give somebody a new password, which is asked for"
    )
    parser.add_argument("--remove", metavar="ID", help="remove somebody")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Changes what is asked, then lists everybody."""
    conversation = client(settings, "conversation")
    if given.add:
        addresses = [["mail", address] for address in given.mail] + [
            ["console", user] for user in given.console
        ]
        body = {"name": given.add, "addresses": addresses}
        if given.password:
            body["password"] = getpass.getpass("Password: ")
        conversation.post("/people", body)
    if given.new_password:
        conversation.post(
            f"/people/{given.new_password}/password", {"password": getpass.getpass("New password: ")}
        )
    if given.remove:
        conversation.delete(f"/people/{given.remove}")
    for row in conversation.get("/people")["people"]:
        person = Person.from_json(row)
        written = ", ".join(address for kind, address in person.addresses if kind != "portal")
        print(f"{person.id}  {person.name} ({person.role})  {written}")
    return 0
