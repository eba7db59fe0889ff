"""What a structured header field says once comments and quoted strings are taken out (RFC 5322, 3.2).

Owns: that one step, in a single pass whatever is in the field.
Does not know: any field.
"""

from __future__ import annotations

_DEEPEST = 20  # comments within comments


def bare(value: str, *, quoted: str) -> str | None:
    """The field with each comment as a blank and each quoted string as one word; None where one of them never ends.

    Args:
        value: The field.
        quoted: Stands for every quoted string, whatever was in it.
    """
    kept: list[str] = []
    depth, in_string, is_escaped = 0, False, False
    for sign in value:
        if is_escaped:
            is_escaped = False
        elif sign == "\\" and (depth or in_string):
            is_escaped = True
        elif in_string:
            in_string = sign != '"'
        elif sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
            kept.append(" ")
        elif not depth and sign == '"':
            in_string = True
            kept.append(quoted)
        elif not depth:
            kept.append(" " if sign in "\r\n\t" else sign)
        if not 0 <= depth <= _DEEPEST:
            return None
    return None if depth or in_string or is_escaped else "".join(kept)
