"""The portal as a process: the web page on the home's network, and the box's name there.

Owns: starting and ending both.
Does not know: pages, nor how names are announced.
"""

from __future__ import annotations

from agent.settings import Settings
from agent.wire import serve
from webui import create_app
from webui.announce import Announcement, announcing
from webui.place import listening_place
from webui.portal import portal


def main(settings: Settings) -> None:
    """Serves at `portal.listen` until SIGTERM."""
    host, port = listening_place(settings)
    app = create_app(settings)
    with app.app_context():
        is_claimed = portal().ownership.is_claimed
    announcement = Announcement(name=settings.text("house.name"), port=port, home=settings.home)
    with announcing(announcement, is_claimed, wanted=settings.flag("portal.announce")):
        serve.serve_at(app, host, port, max_body=int(app.config["MAX_CONTENT_LENGTH"]))
