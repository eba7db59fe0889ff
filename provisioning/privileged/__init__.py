"""The only way from the portal to root: a few fixed verbs over a local socket, which systemd opens when somebody knocks.

    verbs.py       what can be asked for, each with its checks
    listening.py   one line of JSON in, one out, and who may ask
    __main__.py    the process; it ends when nobody has asked for half a minute

Nothing that is asked for becomes a command line: each verb checks its values and says what to do in words of its own.
"""
