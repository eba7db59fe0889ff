"""The page's words: what is wrong, and what whoever stands before the box can do.

Owns: the words.
Does not know: HTTP, nor how the box came here.
"""

from __future__ import annotations

import html
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What is known."""

    asked_by_loader: bool  # no slot came up healthy
    said: str  # by what failed; may be empty
    version: str = ""


_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:38rem;margin:3rem auto;padding:0 1rem;color:#222;background:#fbf9f4}"
    "h1{font-size:1.6rem}pre{white-space:pre-wrap;background:#efe9dc;padding:.8rem;border-radius:.4rem}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#1d1b18}pre{background:#2c2924}}"
)
_STEPS = (
    "Switch the box off, wait ten seconds, and switch it on again. What the house knows is kept.",
    (
        "If that does not help, write the newest image onto another card or stick and start from that one; keep the old one: "
        "what the house knows lies on it."
    ),
    (
        "If nothing on the old one is dear to you: put an empty file named RESET beside SETUP-CODE.txt on the boot partition "
        "(any computer shows it) and start again. This erases everything that the house knew."
    ),
)


def sentence(trouble: Trouble) -> str:
    """What is wrong, in one sentence."""
    if trouble.asked_by_loader:
        return "Neither of the two systems on this box came up well, so it does not try any more by itself."
    return "The house could not be started."


def page(trouble: Trouble) -> str:
    """The page."""
    steps = "".join(f"<li>{html.escape(step)}</li>" for step in _STEPS)
    said = f"<p>What failed said:</p><pre>{html.escape(trouble.said)}</pre>" if trouble.said else ""
    version = f"<p><small>Version {html.escape(trouble.version)}</small></p>" if trouble.version else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Nisse needs help</title><style>{_STYLE}</style></head><body><h1>Nisse needs help</h1>"
        f"<p>{html.escape(sentence(trouble))}</p>{said}<h2>What you can do</h2><ol>{steps}</ol>{version}</body></html>"
    )


def on_screen(trouble: Trouble) -> str:
    """The same for the screen and the serial line."""
    steps = "\n".join(f"  {number}. {step}" for number, step in enumerate(_STEPS, 1))
    said = f"\n  {trouble.said}\n" if trouble.said else ""
    return f"\n  Nisse needs help. {sentence(trouble)}\n{said}\n{steps}\n\n"
