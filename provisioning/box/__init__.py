"""What all root code of the box shares: where things lie, and running a program.

places.py     every path, under one root folder, so that a test has a box of its own
running.py    one program of the system, with a limit on its time and its output
"""
