"""`nisse`: starts one service of the house, or does one thing by hand.

Owns: the names of the services, and finding the commands in `agent/commands/`.
Does not know: what any of them does.

Each process ends itself when a setting that it uses has changed, and its supervisor starts it afresh: no service needs code for
reloading.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import threading
import time

from agent import logs, registry, settings
from agent.errors import NisseError
from agent.settings import Settings

# Each service's module, and the sections of the settings that it uses.
SERVICES = {
    "brain": ("agent.brain.service", ("brain", "models")),
    "recall": ("agent.recall.service", ("recall", "models")),
    "conversation": ("agent.conversation.service", ("conversation", "brain", "recall")),
    "portal": ("webui.service", ("portal", "house", "conversation", "recall", "brain", "updates")),
    "updates": ("provisioning.updates.service", ("updates", "models", "brain", "recall")),
}
_LOOK_EVERY_S = 2.0


def main() -> int:
    """The command line. Returns the exit status."""
    command, words = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("help", [])
    try:
        return _dispatch(command, words)
    except NisseError as error:
        print(f"nisse: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _dispatch(command: str, words: list[str]) -> int:
    # `nisse updates` starts the service, as the supervisor does; with a word behind it, it is the command of that name.
    if command in SERVICES and not (words and command in registry.names("agent.commands")):
        return _serve(command)
    if command == "channel":
        return _channel(words[0] if words else "")
    if command not in registry.names("agent.commands"):
        return _usage()
    module = registry.load("agent.commands", command)
    parser = argparse.ArgumentParser(prog=f"nisse {command}", description=module.HELP)
    module.arguments(parser)
    return int(module.run(settings.load(), parser.parse_args(words)))


def _usage() -> int:
    print("usage: nisse COMMAND ...\n\nBy hand:")
    for name in registry.names("agent.commands"):
        print(f"  {name:12} {registry.declared('agent.commands', name, 'HELP')}")
    print(f"\nThe processes, as the supervisor starts them:\n  {' | '.join(SERVICES)}")
    print(f"  channel {' | '.join(registry.names('agent.channels'))}")
    return 2


def _serve(service: str) -> int:
    module, sections = SERVICES[service]
    values = _begin(service, sections)
    importlib.import_module(module).main(values)
    return 0


def _channel(name: str) -> int:
    module = registry.load("agent.channels", name)
    values = _begin(name, (name, "mail", "house", "conversation"))
    module.Channel(values).run()
    return 0


def _begin(name: str, sections: tuple[str, ...]) -> Settings:
    logs.configure(name)
    values = settings.load()
    threading.Thread(target=_end_on_change, args=(values, sections), name="settings", daemon=True).start()
    return values


def _end_on_change(values: Settings, sections: tuple[str, ...]) -> None:
    while True:
        time.sleep(_LOOK_EVERY_S)
        try:
            changed = settings.load().fingerprint(*sections) != values.fingerprint(*sections)
        except NisseError:
            continue  # half-typed by hand; the old values stand until it reads again
        if changed:
            os.kill(os.getpid(), signal.SIGTERM)
            return


if __name__ == "__main__":
    sys.exit(main())
