"""Keeping the house running on the box: what each process may do, and the pulse that systemd listens to.

branching.py  supervisord, with the difference that every process of the house is a fork of it which has the ground loaded already
profiles.py   each process's user, memory, weight and place in the order of those who die of too little memory
launch.py     the few lines between supervisord and a process: become that user within those limits
groups.py     a control group for each process
pulse.py      supervisord's plug-in: says that it lives, starts again what was given up or hangs, writes the status file
probing.py    asks each service whether it still answers
telling.py    systemd's notification socket
"""
