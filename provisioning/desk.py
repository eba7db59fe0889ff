"""The house on a desk: starts supervisord with the box's own files, says how to reach it, and stops it all at Ctrl-C.

Owns: the welcome, and supervisord's life while `nisse run` lasts.
Does not know: any process of the house beyond its answers over HTTP.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from agent import claim, processes
from agent.errors import ConflictError, NisseError, SettingsError, UnreachableError
from agent.settings import Settings
from agent.wire.call import client

_CONFIGURATION = Path(__file__).parent.parent / "rootfs" / "etc" / "supervisor" / "supervisord.conf"
_LONGEST_START_S = 60.0
_LOOK_EVERY_S = 1.0
_BAR = 20  # characters
_WIDTH = 78


def run(settings: Settings) -> int:
    """Starts everything and stays until Ctrl-C or SIGTERM. Returns the exit status."""
    if not _CONFIGURATION.is_file():
        raise SettingsError(
            "The supervisor's files are not here.", hint="`nisse run` works in a checkout of the project."
        )
    for folder in ("log", "run"):
        settings.folder(folder)
    _refuse_second(settings)
    code = claim.code(settings.home)  # before the portal, so that both know the same
    for ending in (signal.SIGTERM, signal.SIGHUP):  # the terminal that closes ends the house too
        signal.signal(ending, signal.default_int_handler)
    supervisor = _start(settings)
    try:
        if _portal_answers(settings, supervisor):
            print(_welcome(settings, code), flush=True)
            _show_models(settings, supervisor)
        return supervisor.wait()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
        print("\nStopping ...", flush=True)
        supervisor.terminate()
        supervisor.wait()
        print("All stopped. What the house knows stays in", settings.home)
        return 0


def _refuse_second(settings: Settings) -> None:
    with contextlib.suppress(UnreachableError):
        processes.states(settings)
        raise ConflictError(
            f"A house runs already on {settings.home}.",
            hint="Stop it with Ctrl-C in its terminal, or set NISSE_HOME.",
        )


def _start(settings: Settings) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "NISSE_HOME": str(settings.home),
        "NISSE_COMMAND": shlex.join([sys.executable, "-m", "agent.__main__"]),
    }
    command = [
        sys.executable,
        "-m",
        "provisioning.supervision",
        "--nodaemon",
        "--configuration",
        str(_CONFIGURATION),
    ]
    with (settings.home / "log" / "supervisord.out").open("wb") as output:
        # Its own session: Ctrl-C reaches this process, which stops the house in order.
        return subprocess.Popen(  # noqa: S603 - our own command
            command, env=environment, stdout=output, stderr=output, cwd=_checkout(), start_new_session=True
        )


def _checkout() -> Path:
    return Path(__file__).parent.parent


def _portal_answers(settings: Settings, supervisor: subprocess.Popen[bytes]) -> bool:

    print("Starting the house ...", flush=True)
    until = time.monotonic() + _LONGEST_START_S
    while time.monotonic() < until:
        if supervisor.poll() is not None:
            break
        try:
            httpx.get(f"http://127.0.0.1:{_port(settings)}/healthz", timeout=2, trust_env=False)
        except httpx.TransportError:
            time.sleep(_LOOK_EVERY_S)
        else:
            return True
    log = settings.home / "log"
    print(
        f"The portal did not start. Its log is {log / 'portal.log'}; the supervisor's {log / 'supervisord.out'}."
    )
    return False


def _port(settings: Settings) -> int:
    return int(settings.text("portal.listen").rpartition(":")[2])


def _welcome(settings: Settings, code: str) -> str:
    name, port = settings.text("house.name"), _port(settings)
    door = settings.text("door.listen")
    lines = [
        "",
        f"  Nisse is up:  http://127.0.0.1:{port}   or, in this network,  http://{name}.local:{port}",
    ]
    if code:
        lines += ["", f"  Claim code:   {code}", "  Open the page, type the code, and say who you are."]
    lines += [
        "",
        "  Then send the first mail (with the address that you gave in place of YOU@EXAMPLE.ORG):",
        "",
        f"    printf 'From: YOU@EXAMPLE.ORG\\nTo: {name}@localhost\\nDate: %s\\nSubject: Hello\\n\\nWhat can you do?\\n' \\",
        '      "$(date -R)" | \\',
        f"      curl --url smtp://{door} --mail-from YOU@EXAMPLE.ORG --mail-rcpt {name}@localhost --upload-file -",
        "",
        f"  The answer lies on the page Letters.  Everything is kept in {settings.home}.  Ctrl-C stops it all.",
        "",
    ]
    return "\n".join(lines)


def _show_models(settings: Settings, supervisor: subprocess.Popen[bytes]) -> None:
    """Says how far the model is until it answers, on one line that moves; into a file, a line now and then."""
    updates, brain = client(settings, "updates"), client(settings, "brain")
    moving = sys.stdout.isatty()
    last, ready = "", False
    while supervisor.poll() is None and not ready:
        time.sleep(_LOOK_EVERY_S)
        try:
            ready = bool(brain.get("/info")["ready"])
            line = brain.get("/info")["state"] if ready else _progress(updates.get("/models")["models"])
        except NisseError:
            continue  # one of them is starting
        if moving:
            print(f"\r  {line:{_WIDTH}}", end="\n" if ready else "", flush=True)
        elif line != last:
            print(f"  {line}", flush=True)
        last = line


def _progress(models: list[dict[str, Any]]) -> str:
    for model in models:
        if model["wanted"] and not model["installed"]:
            if model["error"]:
                return str(model["error"])[:_WIDTH]
            done = int(_BAR * model["fetched"] / max(1, model["size"]))
            return (
                f"Fetching {model['title'][:30]}  [{'#' * done:{_BAR}}]  of {model['size'] // 1_000_000} MB"
            )
    return "Loading the model ..."
