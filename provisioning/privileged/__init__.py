"""The only way from portal and updates to root: a few fixed verbs over a local socket, which systemd opens when somebody knocks.

    verbs.py       what can be asked for, each with its checks and by whom
    listening.py   one line of JSON in, one out, and who is at the other end
    __main__.py    the process; it ends when nobody has asked for half a minute

Nothing that is asked for becomes a command line: each verb checks its values and says what to do in words of its own.
"""
