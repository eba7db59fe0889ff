"""Newer versions of Nisse itself: offered by the same signed lists as models, fetched like them, and handed to root, which tries them.

    record.py      what is signed of one version
    listed.py      the signed list of them
    rules.py       whether one suits this box; the same for this side and for root
    choosing.py    which is offered
    states.py      the steps (pure); book.py what is remembered of them
    store.py       the file: room, fetching, reading it back
    handing.py     what is asked of root, and what root says
    machine.py     the thread that takes the steps; parts.py what it is made with
    owner.py, view.py, routes.py   what the owner may say, and is told

Root trusts none of it: `provisioning/programs/` verifies everything again before it takes a file.
"""
