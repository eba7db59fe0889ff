"""Models: what there is to have (`catalogue`), where its files lie (`shelf`) and how they get there (`fetch`).

Part of the ground: the brain, recall, updates and the command line read it. A model is data, never code: its files are taken
from the publisher or out of Python wheels, file by file, and count only after their sha256 is the one that the catalogue pins.
"""
