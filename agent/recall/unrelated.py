"""Questions and notes that have nothing to do with each other, by which two embedders are compared.

Owns: the texts, and measuring what an embedder makes of them.
Does not know: what follows from it (`relevance`).

What cosine "unrelated" has differs widely between embedders: 0.05 with one, 0.75 with another. The texts are of the kind that a household
has; that they are unrelated is what counts, not what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.recall.relevance import Background
from agent.recall.vectors import Vectors

QUESTIONS = (
    "Who painted the Mona Lisa?",
    "How far is the moon from the earth?",
    "What is the capital of Australia?",
    "How do bees find their way home?",
    "Which language has the most native speakers?",
    "Why is the sea salty?",
    "Who won the world cup in 1998?",
    "How does a sewing machine make a stitch?",
    "What does an oboe sound like?",
    "When did the dinosaurs die out?",
    "How is paper made from wood?",
    "What is the tallest mountain in Africa?",
    "Can you explain how a black hole forms?",
    "Which metal is liquid at room temperature?",
    "How many strings does a cello have?",
    "Who wrote the play about the prince of Denmark?",
    "What do penguins eat?",
    "How do you say good morning in Japanese?",
    "Why do leaves turn red in autumn?",
    "What was the first film with sound?",
)
NOTES = (
    "The boiler is bled every October; the key hangs behind the cellar door.",
    "Bins: paper on the first Monday of the month, glass by the kiosk.",
    "The plumber's invoice was paid on the third of May by bank transfer.",
    "Pancakes: three eggs, half a litre of milk, two cups of flour, a pinch of salt.",
    "School starts at eight; on Wednesdays the children have swimming and need their bags.",
    "The lease of the flat runs until the end of June and is renewed by letter.",
    "Wifi for guests is written on the card beside the router in the hall.",
    "The car has its inspection in March; winter tyres are stored at the garage.",
    "Grandmother takes the white tablet in the morning and the blue one at night.",
    "The cat's vaccination is due in September; the clinic is closed on Fridays.",
    "Insurance of the house: policy at the notary, claims by telephone within a week.",
    "Tomatoes are planted out after the middle of May, basil beside them.",
    "The spare key of the bicycle lock is in the drawer with the candles.",
    "Press the button for five seconds to reset the dishwasher, then choose the programme.",
    "The neighbours feed the fish while we are away in July.",
    "Meeting of the house owners: the roof is mended next spring, costs are shared.",
    "Piano lessons on Thursdays at five; the teacher brings the sheets.",
    "The freezer in the garage is defrosted twice a year.",
    "Electricity meter: read it on the last day of December and send the number.",
    "The ladder and the paint for the fence are in the shed behind the house.",
)


def background(embed: Callable[[Sequence[str]], Vectors]) -> Background:
    """What an embedder makes of them.

    Args:
        embed: Gives a row of length 1 for each text.
    """
    cosines = embed(QUESTIONS) @ embed(NOTES).T
    return Background(mean=float(cosines.mean()), spread=float(cosines.std()))
