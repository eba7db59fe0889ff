"""The agent: the services that receive, remember, think and answer, and the ground they share.

`agent/` holds one folder per service; the files beside this one are the ground, which all import and which imports
nothing above itself. The README draws the flow.
"""
