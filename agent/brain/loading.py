"""Getting a model into memory: choosing it, waiting for its file, changing over to it, stepping down when it does not load.

Owns: the thread that does this, and the state that people are told meanwhile.
Does not know: how files come onto the shelf (the updates service fetches them), which model suits a box (`fit`), what is asked of the
model, nor for what its memory is lent (`trial`).
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from agent import logs, registry
from agent.brain import Runtime, facts
from agent.brain.deaths import Deaths
from agent.brain.fit import Box, Plan, Wish
from agent.brain.fit.choosing import GIVEN_UP, choose
from agent.brain.leasing import Leases
from agent.brain.lending import Lending
from agent.brain.supply import Supply
from agent.errors import ModelError, NisseError
from agent.models.catalogue import Model

_log = logging.getLogger(__name__)

_POLL_S = 2.0
_AGAIN_S = 60.0  # after no model at all would load
_RELOAD_GRACE_S = 60.0  # for the answers that are being given when a reload is asked for
_RELOAD_S = 900.0  # a large model from a slow card
_PATIENCE_S = 30.0  # of those who come while models are changed
_SOON_S = 5.0
_LAST_LOAD_S = 15.0  # for a load that is going on when the process ends; it cannot be broken off
_UNFORESEEN = "Something went wrong while I looked for a model: {broken}. I look again in a minute; the log of the brain says more."


@dataclass(frozen=True)
class Loaded:
    """A model that answers."""

    model: Model
    runtime: Runtime
    plan: Plan | None = None  # None: it was not loaded on this box
    aliases: tuple[str, ...] = ()  # what else people may call it


class Loader:
    """Brings one model to answer, in the background, and knows how far it is."""

    def __init__(
        self,
        supply: Supply,
        wish: Wish,
        *,
        look: Callable[[], Box],
        deaths: Deaths,
    ) -> None:
        """Does nothing yet; `start` does.

        Args:
            supply: The models there are.
            wish: What the owner asks for.
            look: Looks at the box.
            deaths: What became of earlier processes.
        """
        self.supply, self.shelf = supply, supply.shelf
        self._wish, self._look, self._deaths = wish, look, deaths
        self._elsewhere: Callable[[], Loaded | None] = lambda: None
        self._aliases: tuple[str, ...] = ()
        self._leases: Leases[Loaded] = Leases()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loading", daemon=True)
        self._reloading = threading.Condition()
        self.lending = Lending(self._reloading)
        self._reload_asked = False
        self._reloads = 0
        self._failures: dict[str, int] = {}  # to load, by model
        self._troubles: list[str] = []
        self._break = ""  # why the last round came to no end
        self._box: Box | None = None
        self._in_force = supply.in_force
        self._target: Plan | None = None
        self.loading = False
        self.seconds = 0.0  # that the loading took
        self.state = "I am looking which model suits this box."

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def close(self) -> None:
        """Ends all answers, then the waiting, and gives the model's memory back."""
        self._stop.set()
        with self._reloading:
            self._reloading.notify_all()
        self._deaths.ends()  # first: a load may go on until the process is killed
        self._give_out_nothing()
        if self._thread.is_alive():
            self._thread.join(timeout=_LAST_LOAD_S)
        self._give_out_nothing()  # what was loaded meanwhile goes, too

    def prefer(self, elsewhere: Callable[[], Loaded | None], *names: str) -> None:
        """Puts a model on another machine before ours, as long as it answers. To be called before the start.

        Args:
            elsewhere: Asked for every lease; None while that model does not answer.
            names: Its names, by which ours may be called as well when it stands in.
        """
        self._elsewhere, self._aliases = elsewhere, names

    @property
    def own(self) -> Loaded | None:
        """The model of this box, to look at."""
        return self._leases.held

    @property
    def loaded(self) -> Loaded | None:
        """The model that answers, to look at; to use it, take a lease."""
        return self._elsewhere() or self._leases.held

    @property
    def wanted(self) -> Model | None:
        """The model that should answer."""
        return self._target.model if self._target else None

    def plan_alone(self, model: Model) -> Plan:
        """How this box would load a model whose file is here, without anything better to choose.

        Raises:
            ModelError: The file does not tell what it needs.
        """
        wish = dataclasses.replace(self._wish, named="")
        return choose(self.supply.alone(model), self._box or self._look(), wish)

    def spare(self) -> int:
        """Megabytes that models may take on this box."""
        return (self._box or self._look()).memory - self._wish.reserve

    @property
    def plan(self) -> Plan | None:
        """What this box should do, as far as that is known."""
        return self._target

    def consider(self, box: Box) -> Plan:
        """What another box would do with the same models and wishes, had its owner named none."""
        return choose(self.supply.stock({}), box, dataclasses.replace(self._wish, named=""))

    def lease(self, patience: float = _PATIENCE_S) -> AbstractContextManager[Loaded]:
        """The model that answers, for as long as the context lasts.

        Args:
            patience: Seconds to wait if it is just being changed.

        Raises:
            ModelError: None does; the message says why.
        """
        remote = self._elsewhere()
        return nullcontext(remote) if remote else self.lease_own(patience)

    def lease_own(self, patience: float = _PATIENCE_S) -> AbstractContextManager[Loaded]:
        """The model of this box, for as long as the context lasts.

        Args:
            patience: Seconds to wait if it is just being changed.

        Raises:
            ModelError: There is none; the message says why.
        """
        return self._leases.lease(patience, self._nothing_yet)

    def reload(self) -> None:
        """Loads the model anew, once the answers of the moment are given, and waits for it. Those who ask meanwhile join.

        Raises:
            ModelError: It does not load, or takes too long.
        """
        with self._reloading:
            goal = self._reloads + 1
            self._reload_asked = True
            self._reloading.notify_all()
            self._reloading.wait_for(lambda: self._reloads >= goal or self._stop.is_set(), timeout=_RELOAD_S)
        if self.loaded is None:
            raise self._nothing_yet()

    def info(self) -> dict[str, Any]:
        """How far it is, for `/info`."""
        target, loaded = self._target, self.loaded
        plan, in_force = loaded.plan if loaded else None, self.supply.in_force
        return {
            "ready": loaded is not None,
            "state": self.state,
            "notice": self._deaths.notice,
            "crashes": dict(self._deaths.crashes),
            "set": in_force.seq if in_force else 0,
            "model": loaded.model.name if loaded else None,
            "wanted": facts.described(target.model, self.shelf) if target else None,
            "loading": self.loading,
            "context": loaded.runtime.context if loaded else None,
            "load_seconds": round(self.seconds, 2),
            "why": list(plan.why if plan else target.why if target else ()),
            "options": facts.plain(plan.options) if plan else None,
            "memory": facts.plain(plan.footprint) | {"total": plan.footprint.box} if plan else None,
            "box": facts.plain(dataclasses.replace(self._box, flags=())) if self._box else None,
        }

    def _nothing_yet(self) -> NisseError:
        return ModelError(self.state, hint="Try again in a while.", retry_after=_SOON_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._box is None:
                    self._box = self._look()
                self._round()
            except Exception as broken:  # noqa: BLE001 - without this thread there would be no model until the next start
                self._broke(broken)
                self._rest(_AGAIN_S)
            else:
                self._mend()
                self._rest(_POLL_S)

    def _broke(self, broken: Exception) -> None:
        """Says why it is not known which model should answer: the owner named one that nobody knows, or the unforeseen."""
        said = str(broken) if isinstance(broken, NisseError) else _UNFORESEEN.format(broken=repr(broken))
        if said != self._break:  # else the log has it
            _log.error("loading.broke why=%s", said, exc_info=broken)
        self.state = self._break = said
        self._finish_reload()

    def _mend(self) -> None:
        if self._break:
            self._break = ""
            self._say(self._leases.held)

    def _round(self) -> None:
        """Looks once what should answer, and sees to it as far as the files are here."""
        self._deaths.survives()
        if self.lending.wanted:
            self._lend()
            return
        self.lending.taken_back()
        reload, in_force = self._reload_asked, self.supply.in_force
        if reload or in_force != self._in_force:
            self._in_force = in_force
            self._forgive()
        target = self._choose()
        serving = self._leases.held
        if serving is None or reload:
            self._bring(_RELOAD_GRACE_S)
        elif self._can_change(serving, target):
            # An update is waited for by nobody, but all are to be answered by the same: it need not find everybody idle.
            self._bring(_RELOAD_GRACE_S)
        if self._leases.held is None and self._troubles:
            self._rest(_AGAIN_S)
            self._forgive()

    def _can_change(self, serving: Loaded, target: Plan) -> bool:
        """Whether the wanted model is here at last, and nobody uses the other one."""
        here = serving.model != target.model and self.shelf.installed(target.model)
        return here and (self.supply.in_force is not None or self._leases.change_if_idle())

    def _lend(self) -> None:
        """Unloads the model for a while. Those who ask wait meanwhile, and are told why."""
        if self._leases.held is not None:
            self.state = "I try another model, which needs all my memory. I am back in some minutes."
            self._let_go(_RELOAD_GRACE_S)
        self.lending.give()

    def _choose(self) -> Plan:
        assert self._box is not None  # noqa: S101 - looked at before
        deaths = self._all_deaths()
        plan = choose(self.supply.stock(deaths), self._box, self._wish_for(self.supply.named(deaths)))
        if self._target is None or plan.model != self._target.model:
            logs.event(_log, "model.chosen", model=plan.model.name, why=plan.why[0])
            self.supply.adopt(plan.model)
        self._target = plan
        return plan

    def _wish_for(self, named: str) -> Wish:
        """What is asked for: the owner's word goes before the set in force."""
        if self._wish.named or not named:
            return self._wish
        return dataclasses.replace(self._wish, named=named, by_update=True)

    def _bring(self, grace: float) -> None:
        """Has the best that is here answer."""
        loaded = None
        try:
            self._let_go(grace)
            loaded = self._load()
            self._say(loaded)
        finally:  # whatever happened, nobody waits any longer for the change
            self._leases.put(loaded)
        if self._reload_asked:  # whoever asked while it was loaded has what was asked for
            self._finish_reload()

    def _load(self) -> Loaded | None:
        """Loads the best that is here, and less if that does not load."""
        loaded: Loaded | None = None
        tried = set()
        while loaded is None and not self._stop.is_set():
            plan = self._best_here()
            if plan is None:
                break
            name, seen = plan.model.name, (plan.model.name, plan.options) in tried
            if seen and self._failures[name] >= GIVEN_UP:
                break
            tried.add((name, plan.options))
            if seen:  # it cannot do with less
                self._failures[name] += 1
            else:
                loaded = self._try(plan)
        return loaded

    def _best_here(self) -> Plan | None:
        """The plan for the wanted model, or while its file is not here, for the best of those that are."""
        assert self._box is not None  # noqa: S101 - looked at before
        target = self._choose()
        if self.shelf.installed(target.model):
            return target
        stock = self.supply.installed(self._all_deaths())
        if not any(stock.shape(model) for model in stock.models):
            return None
        plan = choose(stock, self._box, dataclasses.replace(self._wish, named=""))
        return plan if plan.fits or plan.model.memory <= target.model.memory else None

    def _try(self, plan: Plan) -> Loaded | None:
        model = plan.model
        self.state, self.loading = f"{model.title} is being loaded.", True
        begun = time.perf_counter()
        self._deaths.begins(model.name, model.title, plan.options.context)
        if self._stop.is_set():
            self._deaths.ends()  # `close` may have said so just before
            return None
        try:
            kind = registry.load("agent.brain", self.supply.suffix(model))
            runtime: Runtime = kind.Runtime(self.shelf.path(model), plan.options)
        except Exception as failed:  # noqa: BLE001 - whatever is wrong with a file, this thread must live on
            self._failed(model, failed)
            return None
        finally:
            self.loading = False
        self.seconds = time.perf_counter() - begun
        logs.event(_log, "model.loaded", model=model.name, seconds=round(self.seconds, 2))
        return Loaded(model, runtime, plan, self._aliases)

    def _failed(self, model: Model, failed: Exception) -> None:
        self._deaths.ends()
        said = failed.message if isinstance(failed, NisseError) else f"{model.title} does not load: {failed}."
        self._failures[model.name] = self._failures.get(model.name, 0) + 1
        if said not in self._troubles:
            self._troubles.append(said)
        self.state = f"{said} I try with less."
        logs.event(_log, "model.broke", level=logging.ERROR, model=model.name, error=failed)

    def _say(self, loaded: Loaded | None) -> None:
        target = self._target
        if loaded is None and self._troubles:
            self.state = f"No model loads. {' '.join(self._troubles)}"
        elif target is None or (loaded is not None and loaded.model == target.model):
            why = f"I stepped down to it: {' '.join(self._troubles)}" if self._troubles else ""
            if loaded and loaded.plan:
                self.state = f"{loaded.model.title} answers. {why or loaded.plan.why[0]}"
        else:
            self.state = facts.awaiting(loaded.model if loaded else None, target.model)

    def _forgive(self) -> None:
        self._failures, self._troubles = {}, []

    def _all_deaths(self) -> dict[str, int]:
        return Counter(self._deaths.counts) + Counter(self._failures)

    def _let_go(self, grace: float) -> None:
        old = self._leases.take_away(grace)
        if old:
            old.runtime.close()
            self._deaths.ends()

    def _give_out_nothing(self) -> None:
        self._let_go(0)
        self._leases.put(None)

    def _finish_reload(self) -> None:
        with self._reloading:
            self._reload_asked = False
            self._reloads += 1
            self._reloading.notify_all()

    def _rest(self, seconds: float) -> None:
        with self._reloading:
            self._reloading.wait_for(self._has_news, timeout=seconds)

    def _has_news(self) -> bool:
        return self._reload_asked or self._stop.is_set() or self.lending.news()
