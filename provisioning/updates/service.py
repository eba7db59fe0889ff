"""The updates service: fetches the models of the house's own catalogue, and brings better ones that a publisher signed.

Owns: putting this room's parts together, and `GET /models`.
Does not know: how any of it is done; the README says in which order to read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask.typing import ResponseReturnValue

from agent.errors import SettingsError
from agent.models import catalogue
from agent.models.catalogue import Catalogue, Model
from agent.models.fetch import Progress, fetch
from agent.models.sets import Sets
from agent.models.shelf import Shelf
from agent.settings import Settings, table
from agent.wire import serve
from agent.wire.call import client
from provisioning.box.running import run
from provisioning.updates import first_root, owners, pausing, sticks, structure, this_box, view
from provisioning.updates.bad import Bad
from provisioning.updates.believed import Believed
from provisioning.updates.beside import Brain, Conversation, Recall
from provisioning.updates.book import Book
from provisioning.updates.fetching import Fetcher
from provisioning.updates.golden import Questions
from provisioning.updates.mirrors import Mirror, in_order, named
from provisioning.updates.neighbours import Neighbours
from provisioning.updates.owner import Owner
from provisioning.updates.parts import MayGoOn, Parts, Wishes
from provisioning.updates.patrol import Patrol
from provisioning.updates.pausing import Run
from provisioning.updates.programs import view as program_view
from provisioning.updates.programs.book import ProgramBook
from provisioning.updates.programs.handing import root
from provisioning.updates.programs.machine import ProgramMachine
from provisioning.updates.programs.owner import ProgramOwner
from provisioning.updates.programs.parts import ProgramParts
from provisioning.updates.programs.routes import program_routes
from provisioning.updates.programs.store import ProgramStore
from provisioning.updates.release import Release
from provisioning.updates.routes import update_routes
from provisioning.updates.sharing import sharing
from provisioning.updates.sideload import Sideload
from provisioning.updates.storehouse import Storehouse
from provisioning.updates.telling import Telling
from provisioning.updates.update import Machine
from provisioning.updates.wishes import Wishes as Wanted

if TYPE_CHECKING:
    from provisioning.updates.metadata import Metadata

_MAX_BODY = max(serve.MEGABYTE, owners.MAX_BODY)
_METERED_KNOWN_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Room:
    """The parts of this service, put together."""

    models: Catalogue
    shelf: Shelf
    fetcher: Fetcher
    machine: Machine
    programs: ProgramMachine
    questions: Questions
    sideload: Sideload


def main(settings: Settings) -> None:
    """Serves until SIGTERM."""
    with furnished(settings) as room:
        serve.run(create_app(settings, room), settings.text("updates.url"))


@contextlib.contextmanager
def furnished(settings: Settings, *, programs: Run = run) -> Iterator[Room]:
    """The parts at work, until the context ends.

    Args:
        settings: The values in force.
        programs: Runs a program of the system, such as the one that knows whether a line is metered.
    """
    models, shelf = catalogue.load(), Shelf(settings.models_folder)
    fetcher = Fetcher(shelf, _fetch)
    wanted = Wanted(
        models, shelf, fetcher, brain=client(settings, "brain"), embedder=settings.text("recall.embedder")
    )
    with contextlib.ExitStack() as held:
        wanted.start()
        held.callback(wanted.close)
        fetcher.start()
        held.callback(fetcher.close)
        machine = _machine(settings, models, shelf, held, programs)
        of_nisse = _programs(settings, machine.parts)
        machine.start()
        held.callback(machine.close)
        of_nisse.start()
        held.callback(of_nisse.close)
        patrol = Patrol(machine.parts.sets, shelf, Owner(machine).lost)
        patrol.start()
        held.callback(patrol.close)
        telling = Telling(machine.parts.book, Conversation(client(settings, "conversation")).announce)
        telling.start()
        held.callback(telling.close)
        sideload = Sideload(
            settings.models_folder,
            check=lambda path: structure.check(path, "model.gguf"),
            offer=lambda model: Owner(machine).bring(unsigned(model)),
        )
        sideload.resume()
        questions = Questions(settings.models_folder)
        yield Room(
            models=models,
            shelf=shelf,
            fetcher=fetcher,
            machine=machine,
            programs=of_nisse,
            questions=questions,
            sideload=sideload,
        )


def unsigned(model: Model) -> Release:
    """The record of a model that the owner brought: it promises nothing, so that only this house's own questions count."""
    return Release(
        seq=1, model=model, version="0", notes="You brought this model yourself; nobody signed it."
    )


def create_app(settings: Settings, room: Room) -> Flask:
    """The application.

    Args:
        settings: The values in force.
        room: The parts, at work.
    """

    def described(model: Model) -> dict[str, Any]:
        installed = room.shelf.installed(model)
        progress = room.fetcher.progress(model)
        return {
            "name": model.name,
            "title": model.title,
            "role": model.role,
            "size": model.size,
            "installed": installed,
            "wanted": room.fetcher.wanted(model),
            **progress,
            **({"fetched": model.size, "error": ""} if installed else {}),
        }

    app = serve.service(
        "updates",
        settings.text("updates.url"),
        settings.secret("updates.token"),
        max_body=_MAX_BODY,
        info=lambda: {
            "ready": True,
            "state": _state([described(model) for model in room.models.models]),
            "notice": _notice(room),
        },
    )

    @app.get("/models")
    def all_models() -> ResponseReturnValue:
        return {"models": [described(model) for model in room.models.models]}

    app.register_blueprint(update_routes(room.machine, Owner(room.machine)))
    app.register_blueprint(program_routes(room.programs, ProgramOwner(room.programs)))
    app.register_blueprint(owners.golden_routes(room.questions))
    app.register_blueprint(owners.sideload_routes(room.sideload))
    return app


def _machine(
    settings: Settings, models: Catalogue, shelf: Shelf, held: contextlib.ExitStack, programs: Run
) -> Machine:
    folder = settings.models_folder / "updates"
    box = this_box.look(folder)

    def metadata() -> Metadata:
        keys = settings.text("updates.root")
        first = first_root.read(keys)
        # python-tuf and what it brings hold 15 MB, which a house that believes nobody does without.
        from provisioning.updates.metadata import Metadata  # noqa: PLC0415

        return Metadata(
            folder / "tuf",
            first,
            lambda: [source.url for source in _sources(settings)],
            factory=first_root.factory(keys),
        )

    believed = Believed(metadata)
    store = _store(settings, shelf, held, believed, this_box.name(box))
    embedder = settings.text("recall.embedder")
    parts = Parts(
        book=Book(folder),
        bad=Bad(folder),
        sets=Sets(settings.models_folder),
        shelf=shelf,
        catalogue=models,
        source=believed,
        store=store,
        brain=Brain(client(settings, "brain")),
        recall=Recall(client(settings, "recall")),
        questions=Questions(settings.models_folder).all,
        wishes=_wishes(settings),
        box=box,
        embedder=models.find(embedder) if embedder else None,
        line=_line(settings, programs),
    )
    return Machine(parts, boot=this_box.boot())


def _programs(settings: Settings, models: Parts) -> ProgramMachine:
    """Updates of Nisse itself; they share lists, line, wishes and letters with those of models."""
    folder = settings.models_folder / "updates"
    box_root = root()
    believed = models.source
    store = ProgramStore(
        folder / "programs",
        mirrors=lambda: _sources(settings),
        listed=lambda: news.targets if (news := believed.known()) else {},
        kept=box_root.present,
    )
    parts = ProgramParts(
        book=ProgramBook(folder / "programs", models.book),
        source=believed,
        store=store,
        root=box_root,
        wishes=models.wishes,
        box=models.box,
        line=models.line,
        lane=models.lane,
        lists=folder / "tuf",
    )
    return ProgramMachine(parts)


def _notice(room: Room) -> str:
    """What the owner should know of the last updates; mostly empty."""
    notices = (view.notice(room.machine), program_view.notice(room.programs))
    return " ".join(notice["sentence"] for notice in notices if notice)


def _sources(settings: Settings) -> tuple[Mirror, ...]:
    return named([*first_root.source(settings.text("updates.source")).split(), *sticks.repositories()])


def _store(
    settings: Settings, shelf: Shelf, held: contextlib.ExitStack, believed: Believed, name: str
) -> Storehouse:
    """The files of releases, fetched also from other boxes of the home, and given to them if the owner allows it."""
    neighbours = Neighbours(name, wanted=settings.flag("portal.announce"))
    held.callback(neighbours.close)
    store = Storehouse(
        shelf,
        mirrors=lambda: in_order(_sources(settings), neighbours.mirrors()),
        listed=believed.targets,
    )
    listen, wanted = settings.text("updates.share_listen"), settings.flag("updates.share")
    held.enter_context(sharing(store.blobs, store.sets, listen=listen, name=name, wanted=wanted))
    return store


def _wishes(settings: Settings) -> Wishes:
    embedder = settings.text("recall.embedder")
    return Wishes(
        policy=settings.text("updates.policy"),
        delay=timedelta(hours=settings.number("updates.delay")),
        source=first_root.source(settings.text("updates.source")),
        chat=settings.text("brain.model"),
        embed=embedder if embedder != table()["recall.embedder"].default else "",
    )


def _line(settings: Settings, programs: Run) -> MayGoOn:
    try:
        quiet = pausing.read_hours(settings.text("updates.quiet"))
    except SettingsError as wrong:
        sentence = str(wrong)
        return lambda: sentence  # rather nothing than at a wrong hour
    minds = not settings.flag("updates.metered")
    asked: list[tuple[datetime, bool]] = []

    def metered() -> bool:
        now = datetime.now().astimezone()
        if not asked or abs((now - asked[0][0]).total_seconds()) > _METERED_KNOWN_S:
            asked[:] = [(now, pausing.is_metered(programs))]
        return asked[0][1]

    return lambda: pausing.why_not_now(datetime.now().astimezone(), quiet, metered=minds and metered())


def _state(described: Sequence[dict[str, Any]]) -> str:
    missing = [model for model in described if model["wanted"] and not model["installed"]]
    for model in missing:
        if model["fetching"]:
            return f"{model['title']} is being fetched: {100 * model['fetched'] // model['size']} %."
    for model in missing:
        if model["error"]:
            return f"{model['title']} could not be fetched yet. {model['error']}"
    return f"{missing[0]['title']} is fetched next." if missing else "All models that are wanted are here."


def _fetch(model: Model, shelf: Shelf, progress: Progress) -> None:
    fetch(model, shelf, progress=progress)
