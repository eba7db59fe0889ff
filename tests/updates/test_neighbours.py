"""Looking for other boxes ends cleanly, also while one is just being asked for its address."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from zeroconf import IPVersion, ServiceInfo, Zeroconf

from provisioning.updates.neighbours import Neighbours
from provisioning.updates.sharing import SERVICE

OURSELVES = "127.0.0.1"


@pytest.fixture
def announced() -> Iterator[None]:
    """Another box, on this machine alone."""
    zeroconf = Zeroconf(interfaces=[OURSELVES], ip_version=IPVersion.V4Only)
    zeroconf.register_service(
        ServiceInfo(
            SERVICE,
            f"other.{SERVICE}",
            port=8705,
            server="other-blobs.local.",
            parsed_addresses=["192.168.1.7"],
        )
    )
    yield
    zeroconf.close()


@pytest.fixture
def neighbours(monkeypatch: pytest.MonkeyPatch) -> Iterator[Neighbours]:
    monkeypatch.setattr("provisioning.updates.neighbours._FIRST_S", 0.1)
    made = Neighbours("own", addresses=lambda: frozenset({OURSELVES}))
    yield made
    made.close()


@pytest.mark.usefixtures("announced")
def test_looking_can_end_while_a_box_is_being_asked_for_its_address(
    neighbours: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking, ended = threading.Event(), threading.Event()
    asked = Zeroconf.get_service_info

    def late(zeroconf: Zeroconf, *place: Any, **more: Any) -> ServiceInfo | None:
        asking.set()
        ended.wait(0.5)
        return asked(zeroconf, *place, **more)

    monkeypatch.setattr(Zeroconf, "get_service_info", late)
    before = set(threading.enumerate())
    neighbours.mirrors()
    assert asking.wait(20)
    neighbours.close()
    ended.set()
    assert not [thread for thread in set(threading.enumerate()) - before if "ServiceBrowser" in thread.name]


@pytest.mark.usefixtures("announced")
def test_a_box_that_cannot_be_asked_does_not_end_the_looking(
    neighbours: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Event()

    def broken(*_: Any, **__: Any) -> None:
        tried.set()
        raise OSError("No such device")

    monkeypatch.setattr(Zeroconf, "get_service_info", broken)
    assert neighbours.mirrors() == ()
    assert tried.wait(20)
    neighbours.close()
