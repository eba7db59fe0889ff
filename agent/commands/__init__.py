"""The commands of `nisse`, one file each: adding a file adds the command.

A command's module has a literal `HELP` (one line), `arguments(parser)` which declares what it takes, and
`run(settings, arguments) -> int`, whose result is the exit status. A `NisseError` that leaves it is printed with its hint.
"""
