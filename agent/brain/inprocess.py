"""`Engine`: the brain inside your own Python process, without HTTP, called as OpenAI's client is.

Owns: finding the model's file, loading it with what the caller asks, and changing it for another.
Does not know: HTTP, the queue, or how anything is computed.

    from agent.brain import Engine

    with Engine("smollm2-135m-instruct-q4_1", threads=4) as engine:
        answer = engine.chat.completions.create(messages=[{"role": "user", "content": "Hello!"}])
        print(answer.choices[0].message.content)

The words are those of gpt4local, whose users can move here; unlike there the model stays in memory between calls, and conversations
are not computed again from their beginning.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, overload

from agent import registry, settings
from agent.brain import Asker, Options, Piece, Runtime
from agent.brain.answers import asked, broken_off, pieces
from agent.brain.box import cores
from agent.brain.box.kernel import ROOT
from agent.brain.dialect.asking import read
from agent.brain.dialect.writing import Writer
from agent.brain.leasing import Leases
from agent.brain.record import Record, Stream
from agent.errors import ModelError, NotFoundError, RequestError
from agent.models import catalogue
from agent.models.shelf import Shelf

_CHANGING_S = 30.0  # that the answers of one model may take when another is asked for
_RUNTIMES = "agent.brain"
_HOUSE_NAMES = ("", "default", "nisse")


class Engine:
    """One model in this process. Safe to use from several threads."""

    _closed = False

    def __init__(
        self,
        model: str | Path = "",
        *,
        gpu_layers: int = 0,
        threads: int | None = None,
        cores: int | None = None,
        use_mmap: bool = True,
        use_mlock: bool = False,
        offload_kqv: bool = True,
        context_window: int = 4900,
        parallel: int = 4,
        folder: str | Path = "models",
    ) -> None:
        """Loads the model, if one is named; else the first call names it.

        Args:
            model: A name of the catalogue, the path of a GGUF file, or the name of one in `folder`, with or without its suffix.
            gpu_layers: Layers that a graphics card computes; -1: all.
            threads: That compute; None or 0: one per physical core.
            cores: Another word for threads, gpt4local's.
            use_mmap: Read the file as it is needed, instead of at once.
            use_mlock: Keep it in memory for good.
            offload_kqv: What was read lies in the graphics card's memory too.
            context_window: Longest prompt and answer together, in tokens.
            parallel: Answers that grow at once.
            folder: Where files named without a path lie.

        Raises:
            NotFoundError: There is no such model; the message says where it was looked for.
            ModelError: It does not load.
            RequestError: An argument is out of range.
        """
        _check(context_window, parallel, gpu_layers, threads or cores or 0)
        self._options = Options(
            context=context_window,
            parallel=parallel,
            threads=threads or cores or _fast_cores(),
            gpu_layers=gpu_layers,
            use_mmap=use_mmap,
            use_mlock=use_mlock,
            offload_kqv=offload_kqv,
        )
        self._folder = Path(folder)
        self._leases: Leases[_Loaded] = Leases()
        self._loading = threading.Lock()
        self.chat = _Chat(self)
        self.completions = _Completions(self, chat=False)
        if model:
            self._demand(str(model))

    def close(self) -> None:
        """Ends all answers and gives the memory back."""
        with self._loading:
            self._closed = True
            old = self._leases.take_away(0)
            self._leases.put(None)
        if old:
            old.runtime.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def lease(self, model: str | Path = "") -> Iterator[_Loaded]:
        """The model, for as long as the context lasts.

        Args:
            model: As for the class; empty: the one that is loaded.

        Raises:
            NotFoundError: There is no such model.
            ModelError: It does not load, or none is named yet.
        """
        name = "" if str(model) in _HOUSE_NAMES else str(model)
        while True:
            path = self._demand(name)
            with self._leases.lease(_CHANGING_S, _none_yet) as loaded:
                if loaded.path == path:  # else another thread has asked for another model meanwhile
                    yield loaded
                    return

    def _demand(self, name: str) -> Path:
        """Sees to it that this model is the one in memory; its file."""
        held = self._leases.held
        if not name and held:
            return held.path
        with self._loading:
            if self._closed:
                raise ModelError("This engine is closed.", hint="Make another.")
            held = self._leases.held  # a change that was under way is done now
            if not name:
                if held is None:
                    raise _none_yet()
                return held.path
            path = _find(name, self._folder)
            if not (held and held.path == path):
                self._change(path)
            return path

    def _change(self, path: Path) -> None:
        runtime = _opener(path)  # so that what cannot be opened makes nobody go
        old = self._leases.take_away(_CHANGING_S)
        if old:
            old.runtime.close()
        loaded = None
        try:
            loaded = _Loaded(path, runtime(path, self._options))
        finally:
            self._leases.put(loaded)


class _Loaded:
    """A model in memory."""

    def __init__(self, path: Path, runtime: Runtime) -> None:
        self.path = path
        known = catalogue.load().models
        self.name = next((each.name for each in known if each.files[0].name == path.name), path.stem)
        self.runtime = runtime

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called."""
        return (self.name, self.path.stem, self.path.name, str(self.path))


class _Chat:
    """`engine.chat`."""

    def __init__(self, engine: Engine) -> None:
        self.completions = _Completions(engine, chat=True)


class _Completions:
    """`engine.chat.completions` and `engine.completions`."""

    def __init__(self, engine: Engine, *, chat: bool) -> None:
        self._engine = engine
        self._chat = chat

    @overload
    def create(self, *, model: str | Path = "", stream: Literal[False] = False, **fields: Any) -> Record: ...

    @overload
    def create(self, *, model: str | Path = "", stream: Literal[True], **fields: Any) -> Stream: ...

    def create(self, *, model: str | Path = "", stream: bool = False, **fields: Any) -> Record | Stream:
        """An answer, or with `stream` its pieces as they come.

        Args:
            model: Another than the one that is loaded, which makes way for it.
            stream: Iterate the answer while it grows. Close it, or use it in a `with`, if you do not read it to its end.
            fields: As OpenAI has them: messages or prompt, max_tokens, temperature, stop, response_format, tools, n and so on.
                None means: not given.

        Raises:
            RequestError: A field is missing, wrong or unknown; `param` names it.
            NisseError: As `Engine` says.
        """
        held = ExitStack()
        with held:
            loaded = held.enter_context(self._engine.lease(model))
            body = {**fields, "stream": stream}
            call = read(body, chat=self._chat, names=loaded.names)
            if call.reload:
                raise RequestError("reload is for the service.", hint="Make another Engine.", param="reload")
            answers = asked(loaded.runtime, call, Asker(person=call.person), held)
            writer = Writer(
                call=call,
                id=f"{'chatcmpl' if self._chat else 'cmpl'}-{uuid.uuid4().hex}",
                model=loaded.name,
                created=int(time.time()),
            )
            if stream:
                return Stream(_chunks(writer, pieces(answers)), held.pop_all())
            return _whole(writer, pieces(answers), len(answers))


def _check(context: int, parallel: int, gpu_layers: int, threads: int) -> None:
    if context < 16 or parallel < 1 or gpu_layers < -1 or threads < 0:
        raise RequestError("context_window, parallel, gpu_layers or threads is out of range.")


def _whole(writer: Writer, source: Iterator[tuple[int, Piece]], count: int) -> Record:
    collected: list[list[Piece]] = [[] for _ in range(count)]
    for index, piece in source:
        collected[index].append(piece)
    if not all(each and each[-1].finish for each in collected):
        raise broken_off()
    return Record(writer.whole(collected))


def _chunks(writer: Writer, source: Iterator[tuple[int, Piece]]) -> Iterator[Record]:
    yield from map(Record, writer.begin())
    for index, piece in source:
        yield from map(Record, writer.chunks(index, piece))
    if not writer.finished:
        raise broken_off()


def _opener(path: Path) -> Callable[[Path, Options], Runtime]:
    kind = path.suffix.lstrip(".").lower()
    try:
        opener: Callable[[Path, Options], Runtime] = registry.load(_RUNTIMES, kind).Runtime
    except (NotFoundError, AttributeError) as none:
        raise NotFoundError(
            f"There is no runtime for {path.name}.", hint="A .gguf file is what it takes."
        ) from none
    except ImportError as missing:
        raise ModelError(
            f"A library is missing: {missing}.", hint="Install it: pip install 'nisse[brain]'."
        ) from missing
    return opener


def _find(name: str, folder: Path) -> Path:
    """The file of a model: one of the catalogue that is on the shelf, or else wherever it was named."""
    shelf = Shelf(settings.load().models_folder)
    known = next((each for each in catalogue.load().models if each.name == name), None)
    if known:
        if shelf.installed(known) or shelf.adopt(known):
            return shelf.path(known).resolve()
        raise NotFoundError(
            f"{known.title} is not here: {shelf.path(known)} is missing.",
            hint=f"Fetch it: POST /v1/models/{name}/fetch, or put the file there.",
            param="model",
        )
    places = [Path(name).expanduser(), folder / name, folder / f"{name}.gguf"]
    for place in places:
        if place.is_file():
            return place.resolve()
    looked = ", ".join(dict.fromkeys(map(os.fspath, places)))
    raise NotFoundError(
        f"Model file {name!r} not found.", hint=f"It was looked for as {looked}.", param="model"
    )


def _none_yet() -> ModelError:
    return ModelError("No model is loaded.", hint="Name one: Engine(model=...), or create(model=...).")


def _fast_cores() -> int:
    return cores.count(ROOT)[1]  # the fast ones
