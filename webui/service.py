"""The portal as a process: the web page on the home's network, the box's name there, and the place where uploads wait.

Owns: starting and ending them.
Does not know: pages, nor how names are announced.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from agent.settings import Settings
from agent.wire import serve
from webui import create_app
from webui.announce import Announcement, announcing
from webui.place import listening_place
from webui.portal import portal


def main(settings: Settings) -> None:
    """Serves at `portal.listen` until SIGTERM."""
    spool_at_home(settings)
    host, port = listening_place(settings)
    app = create_app(settings)
    with app.app_context():
        is_claimed = portal().ownership.is_claimed
    announcement = Announcement(name=settings.text("house.name"), port=port, home=settings.home)
    with announcing(announcement, is_claimed, wanted=settings.flag("portal.announce")):
        serve.serve_at(app, host, port, max_body=int(app.config["MAX_CONTENT_LENGTH"]))


def spool_at_home(settings: Settings) -> Path:
    """Lets the server lay the bodies of requests under NISSE_HOME while they arrive, not into a /tmp that may be memory.

    Args:
        settings: The values in force.

    Returns:
        The folder; what an earlier process left there is gone.
    """
    folder = settings.folder("run", "uploads")
    shutil.rmtree(folder)
    tempfile.tempdir = str(settings.folder("run", "uploads"))
    return folder
