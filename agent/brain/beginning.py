"""The loader as the settings ask for it.

Owns: which setting becomes which wish, where the brain keeps what it knows, and on what a model's need of memory depends.
Does not know: how a model is chosen or loaded.
"""

from __future__ import annotations

from agent.brain import box
from agent.brain.box import graphics
from agent.brain.box.graphics import Device
from agent.brain.box.kernel import ROOT
from agent.brain.deaths import Deaths
from agent.brain.fit import MEGABYTE, Wish
from agent.brain.loading import Loader
from agent.brain.supply import Supply
from agent.models import catalogue
from agent.models.sets import Sets
from agent.models.shelf import Shelf
from agent.settings import Settings

_MOST_QUEUE = 24  # answers that wait; `answering` bounds the calls, each of which may ask for several


def loader(settings: Settings) -> Loader:
    """The loader, not started yet."""
    saved = settings.number("brain.saved") * MEGABYTE
    wish = Wish(
        named=settings.text("brain.model"),
        context=settings.number("brain.context"),
        reserve=settings.number("brain.reserve"),
        threads=settings.number("brain.threads"),
        parallel=settings.number("brain.parallel"),
        gpu_layers=settings.number("brain.gpu_layers"),
        queue=min(settings.number("brain.queue"), _MOST_QUEUE),
        saved=settings.folder("brain", "saved") if saved else None,
        saved_bytes=saved,
    )
    every = catalogue.load()
    conditions = f"{every.of_role('chat')} {wish}"
    deaths = Deaths(settings.folder("brain") / "serving.json", conditions=conditions)
    supply = Supply(every, Shelf(settings.models_folder), Sets(settings.models_folder))
    return Loader(supply, wish, look=lambda: box.look(_devices), deaths=deaths)


def _devices() -> tuple[Device, ...]:
    """What the library can compute with; nothing without it, which is told when a model is to be loaded."""
    if not graphics.are_possible(ROOT):
        return ()
    try:
        from agent.brain.llama.devices import devices  # noqa: PLC0415 - the library is loaded when it is needed

        return devices()
    except (ImportError, OSError, RuntimeError):  # the last two: llama_cpp, whose library does not load
        return ()
