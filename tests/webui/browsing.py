"""A real house with a scripted brain, and a real browser that looks at it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.fakes.brain import Brain
from tests.fakes.house import Far
from tests.live.running import Running, until
from webui.place import listening_place

CHROMIUM = "/usr/bin/chromium"
expect.set_options(timeout=30_000)  # the page's own default does not count for it
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
MODELS: list[dict[str, Any]] = [
    {
        "name": "qwen2.5-1.5b", "title": "Qwen 2.5, 1.5B", "role": "chat", "size": 1_120_000_000, "installed": False,
        "wanted": True, "fetched": 480_000_000, "fetching": True, "error": "",
    },
]  # fmt: skip
ANSWER = (
    "The key of the boat shed hangs ",
    "behind the **blue door** [1].\n\nBring along:\n",
    "- the lamp from the kitchen\n- a `10 mm` spanner\n\n<img src=x onerror=alert(1)>",
)


class Shown:
    """The portal and its services as processes; the brain says what the test lets it say."""

    def __init__(self, home: Path, **values: str) -> None:
        self.go_on = threading.Event()
        self.brain = Brain(self._answer)
        self.updates = Far({"ready": True, "state": "One model is being fetched."}, MODELS)
        self.running = Running(home, {"brain.url": self.brain.url, "updates.url": self.updates.url, **values})
        host, port = listening_place(self.running.settings)
        self.url = f"http://{host.replace('0.0.0.0', 'localhost')}:{port}"
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(self.brain)
        self._open.enter_context(self.updates)
        self._open.enter_context(self.running)
        for service in ("conversation", "recall"):
            self.running.start(service, wait_for=service)
        self.running.start("portal")
        until(self._serves, 60, "the portal")
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self._open.close()

    def _serves(self) -> bool:
        import httpx

        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/healthz", trust_env=False).status_code == 200
        return False

    def _answer(self, _messages: list[dict[str, str]]) -> Iterator[str]:
        for number, piece in enumerate(ANSWER):
            if number:
                self.go_on.wait(60)
            yield piece


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser with an empty profile."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def picture(page: Page, name: str) -> None:
    """Keeps a picture of the page, phone and desk, by day and night, in the folder that PICTURES names, if any."""
    folder = os.environ.get("PICTURES")
    if not folder:
        return
    for size_name, size in (("phone", PHONE), ("desk", DESK)):
        for scheme in ("light", "dark"):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(120)
            page.screenshot(path=f"{folder}/{name}-{size_name}-{scheme}.png")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
