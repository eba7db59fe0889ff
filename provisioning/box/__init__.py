"""What all root code of the box shares: where things lie, writing that survives a power cut, running a program.

places.py     every path, under one root folder, so that a test has a box of its own
durable.py    files that are there whole or not at all
running.py    one program of the system, with a limit on its time and its output
"""
