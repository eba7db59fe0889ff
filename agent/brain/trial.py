"""`POST /trials`: a candidate is loaded and asked, beside the model that answers or in its place, and what it showed is told.

Owns: the route, one trial at a time, and whether the candidate needs the memory of the model that answers.
Does not know: whether what it showed is good enough (updates judges), where candidates come from, nor how the child is watched over.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.typing import ResponseReturnValue

from agent import logs
from agent.brain import facts
from agent.brain.fit import Plan
from agent.brain.loading import Loader
from agent.brain.trial_watch import MEGABYTE, Outcome, watch
from agent.errors import ConflictError, ModelError, RequestError, SettingsError
from agent.models import recorded
from agent.models.catalogue import Model
from agent.wire import serve

_log = logging.getLogger(__name__)

_MOST_PROMPTS = 64
_LONGEST_PROMPT = 60_000  # characters
_MOST_TOKENS = 512
_LONGEST_S = 3600
_BACK_S = 30.0  # after the candidate's own time, until the memory is taken back by force
_PROGRAM = 120  # megabytes that an embedder takes beside its file


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One trial."""

    model: Model
    prompts: tuple[Mapping[str, Any], ...]
    seconds: float
    most_memory: int  # megabytes; 0: what this box can spare


class Trials:
    """Tries candidates, one at a time."""

    def __init__(self, loader: Loader) -> None:
        """Tries nothing yet.

        Args:
            loader: Has the model that answers, and knows the box.
        """
        self._loader = loader
        self._one = threading.Lock()

    def run(self, asked: Asked, gone: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """Tries a candidate; what it showed, in JSON's types.

        Raises:
            ConflictError: Another is being tried, or the candidate's files are not here.
            UnavailableError: The model that answers did not make room in time.
        """
        if not self._loader.shelf.installed(asked.model):
            raise ConflictError(f"{asked.model.title} is not on the shelf.", param="model")
        if not self._one.acquire(blocking=False):
            raise ConflictError("Another model is being tried.", hint="Wait for its end.")
        try:
            return self._run(asked, gone)
        finally:
            self._one.release()

    def _run(self, asked: Asked, gone: Callable[[], bool]) -> dict[str, Any]:
        try:
            plan = self._loader.plan_alone(asked.model) if asked.model.role == "chat" else None
        except ModelError as shapeless:
            return _told(Outcome(ended="does_not_load", why=shapeless.message), None, lent=False)
        needed = plan.footprint.box + plan.footprint.passing if plan else _embedder_needs(asked.model)
        spare = self._loader.spare()
        if needed > spare:
            why = f"It needs {needed} MB, and this box can spare {spare}."
            return _told(Outcome(ended="too_much_memory", why=why), plan, lent=False)
        held = self._held()
        lent = needed + held > spare
        left = spare if lent else spare - held
        most = min(left, asked.most_memory or left)
        room = self._loader.lending.borrowed(asked.seconds + _BACK_S) if lent else contextlib.nullcontext()
        with room:
            logs.event(_log, "trial.begins", model=asked.model.name, needs=needed, lent=lent)
            outcome = watch(
                self._job(asked, plan), seconds=asked.seconds, most_memory=most * MEGABYTE, gone=gone
            )
        logs.event(_log, "trial.ended", model=asked.model.name, ended=outcome.ended, why=outcome.why)
        return _told(outcome, plan, lent=lent)

    def _held(self) -> int:
        """Megabytes that the model that answers takes, and may take for a moment."""
        own = self._loader.own
        return own.plan.footprint.box + own.plan.footprint.passing if own and own.plan else 0

    def _job(self, asked: Asked, plan: Plan | None) -> dict[str, Any]:
        options = dataclasses.asdict(dataclasses.replace(plan.options, saved=None)) if plan else {}
        return {
            "path": str(self._loader.shelf.path(asked.model)),
            "role": asked.model.role,
            "options": options,
            "card": bool(plan and plan.options.gpu_layers),
            "prompts": list(asked.prompts),
        }


def add_routes(app: Flask, trials: Trials) -> None:
    """Adds the call to an application."""

    @app.post("/trials")
    def trial() -> ResponseReturnValue:
        return trials.run(read(serve.json_body()), serve.hung_up)


def read(body: Mapping[str, Any]) -> Asked:
    """The trial that a body asks for.

    Raises:
        RequestError: A field is missing or wrong; `param` names it.
    """
    try:
        model = recorded.from_json(body.get("model"))
    except SettingsError as wrong:
        raise RequestError(wrong.message, param="model") from wrong
    prompts = body.get("prompts")
    if not isinstance(prompts, list) or len(prompts) > _MOST_PROMPTS:
        raise RequestError(f"prompts must be a list of at most {_MOST_PROMPTS}.", param="prompts")
    return Asked(
        model=model,
        prompts=tuple(_prompt(prompt, model.role) for prompt in prompts),
        seconds=_number(body, "seconds", 1, _LONGEST_S),
        most_memory=int(_number(body, "most_memory", 0, 1 << 24)),
    )


def _prompt(row: Any, role: str) -> dict[str, Any]:
    texts = ("prompt", "near", "far") if role == "embed" else ("prompt",)
    if not isinstance(row, dict):
        raise RequestError("Each prompt must be a JSON object.", param="prompts")
    for name in texts:
        if not isinstance(row.get(name), str) or not 0 < len(row[name]) <= _LONGEST_PROMPT:
            raise RequestError(f"{name} must be a text of at most {_LONGEST_PROMPT} characters.", param=name)
    prompt: dict[str, Any] = {name: row[name] for name in texts}
    return prompt | (
        {"max_tokens": int(_number(row, "max_tokens", 1, _MOST_TOKENS))} if role == "chat" else {}
    )


def _number(row: Mapping[str, Any], name: str, least: float, most: float) -> float:
    value = row.get(name, least)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise RequestError(f"{name} must be a number from {least:g} to {most:g}.", param=name)
    return float(value)


def _embedder_needs(model: Model) -> int:
    return model.size // MEGABYTE + _PROGRAM


def _told(outcome: Outcome, plan: Plan | None, *, lent: bool) -> dict[str, Any]:
    row = facts.plain(dataclasses.replace(outcome, answers=[]))
    return row | {
        "answers": outcome.answers,
        "peak": outcome.peak // MEGABYTE,
        "foretold": plan.footprint.box if plan else 0,
        "lent": lent,
    }
