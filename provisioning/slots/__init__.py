"""The two system slots as the running box sees them: is this start a good one, and what GRUB is told of it.

Reading order: `counters` (what GRUB counts), `health` and `thorough` (is the house well?), `proving` (waits for it, marks the slot, or starts again).
"""
