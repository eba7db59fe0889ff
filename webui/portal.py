"""What every page works with: the settings, the services, the sessions and the throttles, put together once.

Owns: the one object that pages get by `portal()`, and the session of the request at hand.
Does not know: any page.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from flask import current_app, g, request

from agent.settings import Settings
from agent.store import Store
from webui.house import House
from webui.ownership import Ownership
from webui.session import Session, Sessions, migrations
from webui.throttle import Throttle

_KEY = "nisse.portal"
_STREAMS = 16  # of the server's threads; the others stay for pages


@dataclass(frozen=True, kw_only=True)
class Portal:
    """The portal's parts."""

    settings: Settings
    house: House
    ownership: Ownership
    store: Store
    sessions: Sessions
    code_throttle: Throttle
    password_throttle: Throttle
    ticks: Callable[[], float]  # seconds on a clock that only goes forward
    streams: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(_STREAMS))

    def close(self) -> None:
        """Ends the connections and closes the database."""
        self.house.close()
        self.store.close()


def furnish(
    settings: Settings, clock: Callable[[], float] = time.time, ticks: Callable[[], float] = time.monotonic
) -> Portal:
    """Opens `portal.db` and puts the parts together.

    Args:
        settings: The values in force.
        clock: Seconds since 1970, by which sessions end.
        ticks: Seconds on a clock that only goes forward, by which pauses pass.
    """
    house = House(settings)
    ownership = Ownership(settings.home, house)
    ownership.is_claimed()
    store = Store(settings.home / "portal.db", migrations)
    return Portal(
        settings=settings,
        house=house,
        ownership=ownership,
        store=store,
        sessions=Sessions(store, clock),
        code_throttle=Throttle(free=5, free_in_all=20, pause=60, longest=3600, longest_in_all=5),
        password_throttle=Throttle(free=5, free_in_all=20, pause=60, longest=3600, longest_in_all=3600),
        ticks=ticks,
    )


def install(app_extensions: dict[str, object], parts: Portal) -> None:
    """Makes the parts known to an application."""
    app_extensions[_KEY] = parts


def portal() -> Portal:
    """The parts, for the request at hand."""
    return cast(Portal, current_app.extensions[_KEY])


def visitor() -> Session:
    """Who makes the request at hand."""
    if "visitor" not in g:
        g.visitor = portal().sessions.of(request)
    return cast(Session, g.visitor)


def become(session: Session) -> None:
    """From this answer on the browser has this session."""
    g.visitor = session
    g.give_cookie = True
