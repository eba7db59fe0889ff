"""Which model suits which box, how it is loaded there, and the words for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from agent.brain.fit import Accelerator, Box, Plan, Stock, Wish, boards
from agent.brain.fit.choosing import choose
from agent.brain.fit.offloading import room
from agent.errors import ModelError, NotFoundError
from agent.models import catalogue
from agent.models.catalogue import Model
from agent.models.shape import Shape

CHAT = catalogue.load().of_role("chat")
LARGE, MIDDLE, SMALL = (model.name for model in CHAT)
SEVEN_BILLION = Shape(  # Qwen2.5 7B Instruct, Q4_K_M
    layers=28, embedding=3584, feed_forward=18944, vocabulary=152064, kept=1024, weights=4_677_120_000,
    input_bytes=306_561_024, output_bytes=447_068_160,
)  # fmt: skip
HUGE = dataclasses.replace(CHAT[0], name="huge", title="Seven", memory=5000, shape=SEVEN_BILLION)
WISH = Wish(saved=Path("saved"), saved_bytes=500_000_000)


def _box(memory: int, cores: int = 4, *cards: Accelerator) -> Box:
    return Box(board="A box", memory=memory, cores=cores, fast_cores=cores, accelerators=cards)


def _card(memory: int, **more: object) -> Accelerator:
    return Accelerator(**{"kind": "cuda", "name": "The card", "memory": memory, **more})  # type: ignore[arg-type]


def _plan(
    box: Box, wish: Wish = WISH, models: tuple[Model, ...] = CHAT, deaths: dict[str, int] | None = None
) -> Plan:
    return choose(Stock(models=models, deaths=deaths or {}), box, wish)


# What each gets: model, context, cells, graphics layers, threads, MB of the box, MB of the card.
EXPECTED = {
    "Raspberry Pi 4, 2 GB": (MIDDLE, 4096, 8192, 0, 4, 734, 0),
    "Raspberry Pi 4, 4 GB": (LARGE, 4096, 8192, 0, 4, 1525, 0),
    "Raspberry Pi 4, 8 GB": (LARGE, 4096, 8192, 0, 4, 1570, 0),
    "Raspberry Pi 5, 4 GB": (LARGE, 4096, 8192, 0, 4, 1570, 0),
    "Raspberry Pi 5, 8 GB": (LARGE, 4096, 8192, 0, 4, 1570, 0),
    "Raspberry Pi 5, 16 GB": (LARGE, 4096, 8192, 0, 4, 1570, 0),
    "Jetson Orin Nano, 8 GB": (LARGE, 4096, 8192, -1, 4, 1990, 0),
    "Jetson AGX Orin, 64 GB": (LARGE, 4096, 8192, -1, 4, 1990, 0),
    "Mini-PC with an N100, 8 GB": (LARGE, 4096, 8192, 0, 4, 1570, 0),
    "Mini-PC with an N100, 16 GB": (LARGE, 4096, 8192, 0, 4, 1570, 0),
    "Mini-PC, 32 GB, with a 12 GB graphics card": (LARGE, 4096, 8192, -1, 4, 350, 1640),
}


def test_every_board_that_we_know_is_expected_here() -> None:
    assert {known.board for known in boards.KNOWN} == set(EXPECTED)


@pytest.mark.parametrize("known", boards.KNOWN, ids=lambda known: known.board)
def test_each_board_that_we_know_gets_what_suits_it(known: Box) -> None:
    *chosen, on_box, on_card = EXPECTED[known.board]
    plan = _plan(known)
    options = plan.options
    assert [plan.model.name, options.context, options.cells, options.gpu_layers, options.threads] == chosen
    assert options.kv_type == "f16"
    assert plan.footprint.box == pytest.approx(on_box, rel=0.03)
    assert plan.footprint.card == pytest.approx(on_card, rel=0.03)
    assert plan.fits
    assert plan.footprint.box <= known.memory - WISH.reserve


@pytest.mark.parametrize("memory", range(400, 3200, 25))
def test_what_is_said_to_fit_fits_and_the_next_larger_model_would_not(memory: int) -> None:
    plan = _plan(_box(memory))
    larger = [model for model in CHAT if model.memory > plan.model.memory]
    assert plan.fits == (plan.footprint.box + plan.footprint.passing <= memory - WISH.reserve)
    assert plan.fits or plan.model.name == SMALL
    for model in larger:
        named = _plan(_box(memory), dataclasses.replace(WISH, named=model.name))
        assert not named.fits or named.options.context < 2048


def test_room_is_given_up_in_order_and_the_context_before_the_model() -> None:
    seen = []
    for reserve in range(1200, 2200, 5):
        plan = _plan(_box(3000), dataclasses.replace(WISH, reserve=reserve))
        rung = (plan.model.name, plan.options.context, plan.options.cells, plan.options.kv_type)
        seen += [rung] if rung not in seen else []
    assert seen == [
        (LARGE, 4096, 8192, "f16"),
        (LARGE, 4096, 4096, "f16"),
        (LARGE, 4096, 4096, "q8_0"),
        (LARGE, 2048, 2048, "q8_0"),
        (MIDDLE, 4096, 8192, "f16"),
    ]


def test_a_box_too_small_for_any_gets_the_smallest_and_is_told() -> None:
    plan = _plan(_box(700))
    assert (plan.model.name, plan.options.context, plan.fits) == (SMALL, 512, False)
    assert "no model leaves 800 of this box's 700 MB" in plan.why[0]


def test_a_board_with_one_gigabyte_converses_with_the_smallest() -> None:
    plan = _plan(_box(960), dataclasses.replace(WISH, reserve=600))
    assert plan.model.name == SMALL
    assert plan.fits
    assert plan.options.context >= 2048


def test_the_owners_word_goes_before_the_rule() -> None:
    plan = _plan(_box(1500), dataclasses.replace(WISH, named=LARGE))
    assert plan.model.name == LARGE
    assert "this box has 700 to spare" in plan.why[0]
    assert (
        _plan(_box(9000), dataclasses.replace(WISH, named=SMALL)).why[0] == "It was chosen in the settings."
    )


@pytest.mark.parametrize("name", ["gpt-9", "all-minilm-l6-v2"])
def test_a_name_that_cannot_chat_is_refused_with_those_that_can(name: str) -> None:
    with pytest.raises(NotFoundError, match="smollm2"):
        _plan(_box(8000), dataclasses.replace(WISH, named=name))


def test_a_model_that_died_gets_half_the_context_and_then_makes_way_for_a_smaller_one() -> None:
    steps = [(_plan(_box(8000), deaths={LARGE: deaths})) for deaths in (0, 1, 2)]
    assert [(plan.model.name, plan.options.context) for plan in steps] == [
        (LARGE, 4096), (LARGE, 2048), (MIDDLE, 4096),
    ]  # fmt: skip
    assert any("less room than it could have" in sentence for sentence in steps[1].why)


def test_the_owners_own_model_too_makes_way_once_it_died_twice() -> None:
    plan = _plan(_box(8000), dataclasses.replace(WISH, named=MIDDLE), deaths={MIDDLE: 2})
    assert plan.model.name == SMALL


def test_the_smallest_halves_its_context_for_ever() -> None:
    contexts = [
        _plan(_box(8000), deaths={LARGE: 2, MIDDLE: 2, SMALL: deaths}).options.context for deaths in range(6)
    ]
    assert contexts == [4096, 2048, 1024, 512, 512, 512]


def test_the_least_there_is_stays_and_says_that_it_is() -> None:
    plans = [_plan(_box(8000), deaths={LARGE: 2, MIDDLE: 2, SMALL: deaths}) for deaths in (0, 1, 2, 3, 4, 90)]
    assert {plan.model.name for plan in plans} == {SMALL}
    assert plans[-1].options == plans[-2].options == plans[-3].options
    said = ["cannot do with less" in " ".join(plan.why) for plan in plans]
    assert said == [False] * 3 + [True] * 3


def test_models_of_which_nothing_is_known_are_refused_in_words() -> None:
    unknown = tuple(dataclasses.replace(model, shape=None) for model in CHAT)
    for models in (unknown, ()):
        with pytest.raises(ModelError, match="how much memory"):
            _plan(_box(8000), models=models)


def test_a_card_holds_as_many_whole_layers_as_fit() -> None:
    four = _card(4294, free=4100)
    plan = _plan(_box(16_480, 4, four), models=(HUGE, *CHAT))
    assert plan.model == HUGE
    assert 10 < plan.options.gpu_layers < 29
    assert plan.footprint.card <= room(_box(16_480, 4, four))
    assert any(
        "The card computes" in sentence and "of the model's 29 layers" in sentence for sentence in plan.why
    )


def test_more_memory_on_the_card_never_means_fewer_layers() -> None:
    counts = []
    for memory in range(500, 8000, 250):
        options = _plan(_box(16_480, 4, _card(memory)), models=(HUGE,)).options
        counts.append(29 if options.gpu_layers < 0 else options.gpu_layers)
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] == 29


def test_a_card_lets_a_larger_model_in_than_the_box_alone_could_hold() -> None:
    small_box = 4000
    assert _plan(_box(small_box), models=(HUGE, *CHAT)).model.name == LARGE
    assert _plan(_box(small_box, 4, _card(8590)), models=(HUGE, *CHAT)).model == HUGE


def test_memory_that_is_shared_counts_once() -> None:
    shared = _card(7990, kind="tegra", shared=True)
    plan = _plan(_box(7990, 6, shared), models=(HUGE, *CHAT))
    alone = _plan(_box(7990, 6), models=(HUGE, *CHAT))
    assert plan.model == HUGE
    assert plan.footprint.card == 0
    assert plan.footprint.box >= alone.footprint.box
    assert plan.options.gpu_layers == -1
    assert any("shares with the box" in sentence for sentence in plan.why)


def test_a_card_that_the_library_cannot_use_counts_as_none_and_it_is_said() -> None:
    plan = _plan(_box(16_480, 4, _card(12_000, usable=False)))
    assert plan.options.gpu_layers == 0
    assert plan.footprint.card == 0
    assert any("The card is not used" in sentence and "built without it" in sentence for sentence in plan.why)


def test_the_owners_limit_of_layers_holds() -> None:
    box = _box(16_480, 4, _card(12_884))
    assert _plan(box, dataclasses.replace(WISH, gpu_layers=0)).options.gpu_layers == 0
    assert _plan(box, dataclasses.replace(WISH, gpu_layers=5)).options.gpu_layers == 5


def test_the_settings_numbers_are_taken() -> None:
    plan = _plan(_box(16_480), dataclasses.replace(WISH, threads=3, parallel=5, queue=7, context=8192))
    assert (plan.options.threads, plan.options.parallel, plan.options.queue) == (3, 5, 7)
    assert plan.options.context == 8192
    assert plan.options.sequences >= 2 * plan.options.parallel
    assert any("3 threads compute, as the settings say" in sentence for sentence in plan.why)


def test_no_context_is_longer_than_the_model_can() -> None:
    plan = _plan(_box(16_480), dataclasses.replace(WISH, named=SMALL, context=32_768))
    assert plan.options.context == 8192
    assert any("cannot do more" in sentence for sentence in plan.why)


def test_slow_cores_are_left_out() -> None:
    box = Box(board="A box", memory=8000, cores=8, fast_cores=4)
    plan = _plan(box)
    assert plan.options.threads == 4
    assert any("fast cores among 8" in sentence for sentence in plan.why)


def test_the_figures_of_the_file_go_before_the_catalogues() -> None:
    larger = dataclasses.replace(CHAT[0].shape or SEVEN_BILLION, weights=30_000_000_000)
    plan = choose(Stock(models=CHAT, shapes={LARGE: larger}), _box(8000), WISH)
    assert plan.model.name == MIDDLE


def test_the_catalogues_memory_is_what_is_foretold() -> None:
    for model in CHAT:
        plan = _plan(_box(30_000), dataclasses.replace(WISH, named=model.name, context=512))
        assert model.memory == pytest.approx(plan.footprint.box - plan.footprint.cells, rel=0.1)
