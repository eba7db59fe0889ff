"""Releases: making and keeping the repository from which boxes take their models; `nisse release`.

keys.py         private keys, encrypted where they lie
repository.py   the signed lists: changed, signed by as many as must, published in the right order
making.py       a release from a model's files
changing.py     roll-out, taking back, the security floor, throwing away
checking.py     what a box would believe, and whether every file is there
command.py      the command line

A repository is a folder that any web server, or a stick, can serve as it is. Nothing here runs on a box.
"""
