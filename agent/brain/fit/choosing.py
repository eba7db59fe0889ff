"""The rule: the largest model with a moderate context that leaves the rest of the house its memory.

Owns: the order in which something is given up - the room for several conversations, the precision in which they are kept, half of
the context, and only then the model - and what a model that died of too little memory gives up.
Does not know: how memory is foretold, or how the box was looked at.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from agent.brain import Options
from agent.brain.fit import Box, Footprint, Plan, Stock, Wish, sentences
from agent.brain.fit.offloading import place
from agent.errors import ModelError, NotFoundError
from agent.models.catalogue import Catalogue, Model
from agent.models.shape import Shape

MODERATE = 2048  # tokens; rather a smaller model than less
_SMALLEST = 512
_LARGE_BOX, _MEDIUM_BOX = 4000, 2200  # MB
GIVEN_UP = (
    2  # a model that died so often makes way for the next smaller one; the smallest halves its context again
)
_FEW_THREADS = 4  # are enough to feed a card that computes everything


def choose(stock: Stock, box: Box, wish: Wish) -> Plan:
    """The plan for this box.

    Args:
        stock: The models.
        box: The machine.
        wish: What the owner asks for.

    Raises:
        NotFoundError: No model has the owner's name for it.
        ModelError: Of no model it is known what it needs.
    """
    plans = list(_in_order(stock, box, wish))
    if not plans:
        raise ModelError(
            "I know of no model how much memory it needs.",
            hint="The files of the models may be damaged; the log of the brain says more.",
        )
    return next((plan for plan in plans if plan.fits), plans[-1])


def _in_order(stock: Stock, box: Box, wish: Wish) -> Iterator[Plan]:
    models = _candidates(stock, wish.named)
    for model in models:
        last = model is models[-1]
        if stock.deaths.get(model.name, 0) >= GIVEN_UP and not last:
            continue
        alone = bool(wish.named) and model.name == wish.named
        for plan in _plans(stock, model, box, wish, last=last):
            yield plan
            if plan.fits:
                return
        if alone and stock.deaths.get(model.name, 0) < GIVEN_UP:
            return  # the owner's word: the plan that takes least of it, though it does not fit


def _candidates(stock: Stock, named: str) -> list[Model]:
    models = [model for model in stock.models if stock.shape(model) is not None]
    if not named:
        return models
    model = Catalogue(stock.models).find(named)
    if stock.shape(model) is None:
        raise NotFoundError(f"The catalogue does not say what {named} needs.", param="model")
    return [model, *(other for other in _smaller(stock, model) if stock.shape(other))]


def _smaller(stock: Stock, model: Model) -> list[Model]:
    return [other for other in stock.models if other.memory < model.memory]


def _plans(stock: Stock, model: Model, box: Box, wish: Wish, *, last: bool) -> Iterator[Plan]:
    shape = stock.shape(model)
    assert shape is not None  # noqa: S101 - the candidates are chosen by it
    died = stock.deaths.get(model.name, 0)
    most = min(wish.context, model.context)
    if died:
        most = max(_SMALLEST, most >> died)
    for context, cells, kv_type in _ladder(most, _SMALLEST if last else MODERATE):
        options = _options(box, wish, context=context, cells=cells, kv_type=kv_type)
        least = last and context <= _SMALLEST
        yield _plan(model, shape, options, box, wish, died=died, least=least)


def _ladder(most: int, least: int) -> Iterator[tuple[int, int, str]]:
    """From plenty to scarce: context, cells, and how they are kept."""
    yield most, 2 * most, "f16"
    yield most, most, "f16"
    yield most, most, "q8_0"
    context = most // 2
    while context >= least:
        yield context, context, "q8_0"
        context //= 2


def _options(box: Box, wish: Wish, *, context: int, cells: int, kv_type: str) -> Options:
    many = 8 if box.memory >= _LARGE_BOX else 4 if box.memory >= _MEDIUM_BOX else 2
    parallel = wish.parallel or many
    return Options(
        context=context,
        cells=cells,
        sequences=2 * parallel,
        parallel=parallel,
        threads=wish.threads or box.fast_cores,
        batch=512 if box.memory >= _LARGE_BOX else 256 if box.memory >= _MEDIUM_BOX else 128,
        kv_type=kv_type,
        use_mmap=False,
        queue=wish.queue,
        saved=wish.saved if wish.saved_bytes else None,
        saved_bytes=wish.saved_bytes,
    )


def _plan(
    model: Model, shape: Shape, options: Options, box: Box, wish: Wish, *, died: int, least: bool
) -> Plan:
    layers, footprint = place(shape, options, box, wish.gpu_layers)
    everything = layers == shape.layers + 1
    if everything and not wish.threads:
        options = dataclasses.replace(options, threads=min(options.threads, _FEW_THREADS))
    options = dataclasses.replace(options, gpu_layers=-1 if everything else layers)
    plan = Plan(
        model=model, shape=shape, options=options, footprint=footprint, fits=_fits(footprint, box, wish)
    )
    return dataclasses.replace(plan, why=sentences.explain(plan, box, wish, died, least=least))


def _fits(footprint: Footprint, box: Box, wish: Wish) -> bool:
    return footprint.box + footprint.passing <= box.memory - wish.reserve
