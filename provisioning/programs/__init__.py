"""Nisse's own application, updated beside the system: a program is one signed SquashFS file, tried like a slot, put back alike.

    /data/programs/<sha256>.raw    the files: the one that runs, the one before, the one that is tried
    /data/programs/state.json      which is which, and how the last one ended
    /run/nisse/program.raw         a link to the one that nisse.service mounts over /opt/nisse; none: what lies in the system's root

Reading order: `state` (what is remembered), `choosing` (pure: which one a start takes), `starting` (the chooser of each start),
`lists` (whether publishers signed it; believed are only the keys in the root), `copying`, `installing`, `going_back` (what root
does for the unprivileged updates), `house` (the service and its questions), `trying` (the trial and the day after it).

All of this is run by root, and from the system's own root, never from a program: what is tried has no say in whether it stays.
`compatible.toml` says which versions understand each other's data; whoever changes a table or a setting changes it too.
"""
