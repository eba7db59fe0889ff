"""A plan explained in words, for somebody at home.

Owns: the sentences.
Does not know: how the choice was made.
"""

from __future__ import annotations

from agent.brain.fit import Box, Plan, Wish
from agent.brain.fit.offloading import cards

_WORDS_A_TOKEN = 0.75
_QUICK = {
    "avx2",
    "avx512f",
    "asimddp",
    "i8mm",
    "sve",
}  # as Linux names them; products of many small numbers at once


def explain(plan: Plan, box: Box, wish: Wish, died: int, *, least: bool) -> tuple[str, ...]:
    """All of them, the most important first.

    Args:
        plan: The choice, without words.
        box: The machine.
        wish: What the owner asked for.
        died: How often this model died of too little memory.
        least: There is nothing smaller to step down to.
    """
    sentences = (
        _model(plan, box, wish),
        _step_down(died, least=least),
        _memory(plan),
        _context(plan, wish),
        _shortened(plan),
        _threads(plan, box, wish),
        _slow(box),
        *_cards(plan, box),
    )
    return tuple(sentence for sentence in sentences if sentence)


def _model(plan: Plan, box: Box, wish: Wish) -> str:
    spare = max(0, box.memory - wish.reserve)
    needs = plan.footprint.box + plan.footprint.passing
    if wish.named == plan.model.name:
        chosen = "It was installed on this box" if wish.by_update else "It was chosen in the settings"
        return (
            f"{chosen}."
            if plan.fits
            else f"{chosen}, though it needs {needs} MB and this box has {spare} to spare."
        )
    if plan.fits:
        return (
            f"It is the largest model that leaves {wish.reserve} of this box's {box.memory} MB "
            "to the rest of the house."
        )
    return f"It is the smallest there is; no model leaves {wish.reserve} of this box's {box.memory} MB to the rest."


def _step_down(died: int, *, least: bool) -> str:
    if not died:
        return ""
    sentence = "It has less room than it could have, because it did not get all its memory before."
    return (
        f"{sentence} I cannot do with less than this; if it fails again, the box needs more memory."
        if least
        else sentence
    )


def _memory(plan: Plan) -> str:
    of = plan.footprint
    sentence = (
        f"It takes about {of.box} MB of memory: {of.weights} for the model, {of.cells} for conversations, "
        f"{of.compute} to compute with and {of.rest} for the program."
    )
    return sentence + (f" On the graphics card it takes {of.card} MB." if of.card else "")


def _context(plan: Plan, wish: Wish) -> str:
    context, cells = plan.options.context, plan.options.cells
    words = round(context * _WORDS_A_TOKEN, -2)
    sentence = f"One conversation may be {context} tokens long, about {words:.0f} words"
    sentence += f"; {cells} are kept in mind for all of them together." if cells > context else "."
    if context < min(wish.context, plan.model.context):
        sentence += f" The {wish.context} that the settings ask for do not fit."
    elif context < wish.context:
        sentence += " The model cannot do more."
    return sentence


def _shortened(plan: Plan) -> str:
    if plan.options.kv_type == "f16":
        return ""
    return "Conversations are kept in half the space, a little less precisely, because memory is short."


def _threads(plan: Plan, box: Box, wish: Wish) -> str:
    count = plan.options.threads
    threads = "One thread computes" if count == 1 else f"{count} threads compute"
    if wish.threads:
        return f"{threads}, as the settings say."
    if count < box.fast_cores:
        return f"{threads}; the graphics card does the rest."
    if box.fast_cores < box.cores:
        return f"{threads}, one for each of the fast cores among {box.cores}."
    return f"{threads}, one for each core."


def _slow(box: Box) -> str:
    """Whether the processor lacks what llama.cpp reads prompts with."""
    if not box.flags or set(box.flags) & _QUICK:
        return ""
    return "This processor lacks the instructions that read a text quickly; answers to long ones take their time."


def _cards(plan: Plan, box: Box) -> tuple[str, ...]:
    every, used = plan.shape.layers + 1, cards(box)
    count = every if plan.options.gpu_layers < 0 else plan.options.gpu_layers
    sentences = []
    for card in box.accelerators:
        if not card.usable:
            sentences.append(
                f"{card.name} is not used: the llama.cpp that is installed here was built without it."
            )
        elif card not in used:
            sentences.append(f"{card.name} is not used beside a card with memory of its own.")
    if used:
        names = " and ".join(card.name for card in used)
        what = (
            "computes the whole model"
            if count == every
            else f"computes {count} of the model's {every} layers"
        )
        if not count:
            what = "is not used: not one layer fits into its memory, or the settings forbid it"
        sentences.append(
            f"{names} {what}{', in the memory it shares with the box' if used[0].shared else ''}."
        )
    return tuple(sentences)
